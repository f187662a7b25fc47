import type { ChatEvent, ChatReply, ReplyChoice, ToolCall, Usage } from '../../core/chat.ts'
import type { GatewayError } from '../../core/errors.ts'
import { isObject, type JsonObject } from '../json.ts'

/** A whole reply said as a stream: for a caller that asked for one where the provider gave an object. */
export function replyToEvents(reply: ChatReply): readonly ChatEvent[] {
  return [
    { type: 'start', id: reply.id, createdAt: reply.createdAt, model: reply.model },
    ...reply.choices.flatMap(choiceToEvents),
    ...(reply.usage ? [{ type: 'usage' as const, usage: reply.usage }] : []),
  ]
}

function choiceToEvents(choice: ReplyChoice): readonly ChatEvent[] {
  const at = { choice: choice.index }
  const events: ChatEvent[] = [{ type: 'role', ...at, role: 'assistant' }]
  if (choice.reasoning) events.push({ type: 'reasoning-delta', ...at, text: choice.reasoning })
  if (choice.content)
    events.push({
      type: 'text-delta',
      ...at,
      text: choice.content,
      ...(choice.logprobs !== undefined && { logprobs: choice.logprobs }),
    })
  if (choice.refusal) events.push({ type: 'refusal-delta', ...at, text: choice.refusal })
  choice.toolCalls?.forEach(({ id, name, kind, arguments: text, extra }, call) => {
    events.push({ type: 'tool-call-start', ...at, call, id, name, kind, ...(extra && { extra }) })
    if (text) events.push({ type: 'tool-call-delta', ...at, call, arguments: text })
  })
  if (Object.keys(choice.extra).length > 0)
    events.push({ type: 'other-delta', ...at, delta: choice.extra })
  events.push({ type: 'finish', ...at, reason: choice.finishReason })
  return events
}

interface Gathered {
  content: string
  refusal: string
  reasoning: string
  readonly calls: Map<
    number,
    { id: string; name: string; kind: 'function' | 'custom'; arguments: string; extra?: JsonObject }
  >
  finishReason: string
  extra: JsonObject
  logprobs: unknown
}

/** A stream gathered into the reply it amounts to. Throws the stream's own error. */
export function eventsToReply(events: readonly ChatEvent[]): ChatReply {
  const choices = new Map<number, Gathered>()
  let head = { id: '', createdAt: 0, model: '' }
  let usage: Usage | undefined
  const gather = (index: number): Gathered => {
    let found = choices.get(index)
    if (!found) {
      found = {
        content: '',
        refusal: '',
        reasoning: '',
        calls: new Map(),
        finishReason: 'stop',
        extra: {},
        logprobs: undefined,
      }
      choices.set(index, found)
    }
    return found
  }
  for (const event of events) {
    if (event.type === 'error') throw event.error satisfies GatewayError
    else if (event.type === 'start') head = event
    else if (event.type === 'usage') usage = event.usage
    else gatherInto(gather(event.choice), event)
  }
  return {
    id: head.id,
    createdAt: head.createdAt,
    model: head.model,
    choices: [...choices].sort(([a], [b]) => a - b).map(([index, each]) => toChoice(index, each)),
    ...(usage && { usage }),
    extra: {},
  }
}

function gatherInto(
  choice: Gathered,
  event: Exclude<ChatEvent, { type: 'error' | 'start' | 'usage' }>,
): void {
  switch (event.type) {
    case 'text-delta':
      choice.content += event.text
      choice.logprobs = joined(choice.logprobs, event.logprobs)
      break
    case 'refusal-delta':
      choice.refusal += event.text
      break
    case 'reasoning-delta':
      choice.reasoning += event.text
      break
    case 'tool-call-start':
      choice.calls.set(event.call, {
        id: event.id,
        name: event.name,
        kind: event.kind,
        arguments: '',
        ...(event.extra && { extra: event.extra }),
      })
      break
    case 'tool-call-delta': {
      const call = choice.calls.get(event.call)
      if (call) call.arguments += event.arguments
      break
    }
    case 'other-delta':
      choice.extra = joined(choice.extra, event.delta) as JsonObject
      break
    case 'finish':
      choice.finishReason = event.reason
      break
    case 'role':
      break
  }
}

/** Two pieces of the same thing (audio, annotations, log probabilities) as one, in the way OpenAI's clients do it. */
function joined(before: unknown, piece: unknown, name = ''): unknown {
  if (piece === undefined || piece === null) return before
  if (before === undefined || before === null) return owned(piece)
  if (typeof before === 'string' && typeof piece === 'string')
    return pieces.has(name) ? before + piece : piece
  if (Array.isArray(before) && Array.isArray(piece)) {
    // Into the list that grows, which is ours: copying it for each piece would be quadratic.
    for (const each of piece) before.push(each)
    return before
  }
  if (!isObject(before) || !isObject(piece)) return piece
  const whole: Record<string, unknown> = { ...before }
  for (const [key, value] of Object.entries(piece)) whole[key] = joined(before[key], value, key)
  return whole
}

/** Lists that may grow without growing in the event they came from. */
function owned(value: unknown): unknown {
  if (Array.isArray(value)) return [...value]
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, owned(each)]))
}

/** Members that come piece by piece; of all others, ids and names say, the last one counts. */
const pieces = new Set(['data', 'transcript', 'arguments', 'text'])

function toChoice(index: number, gathered: Gathered): ReplyChoice {
  // A provider may number its calls as it likes: a number is a name here, never a place in a list.
  const calls: readonly ToolCall[] = [...gathered.calls]
    .sort(([a], [b]) => a - b)
    .map(([, call]) => call)
  return {
    index,
    content: gathered.content || calls.length === 0 ? gathered.content : null,
    ...(gathered.refusal && { refusal: gathered.refusal }),
    ...(gathered.reasoning && { reasoning: gathered.reasoning }),
    ...(calls.length > 0 && { toolCalls: calls }),
    finishReason: gathered.finishReason,
    extra: gathered.extra,
    ...(gathered.logprobs !== undefined && { logprobs: gathered.logprobs }),
  }
}
