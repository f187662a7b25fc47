import type { JsonObject } from '../json.ts'
import { CallIds } from '../translate/call-ids.ts'
import type {
  AssistantTurn,
  Conversation,
  Thought,
  ToolResult,
  TurnCall,
  UserTurn,
} from '../translate/conversation.ts'
import { argumentsObject } from '../translate/tools.ts'
import { type BlockWriting, beside, brief, sayParts } from './blocks.ts'
import { thoughtFormat } from './thought.ts'

// No limit is documented there; this is longer than any id that was ever seen.
const maxIdLength = 256

export interface SaidConversation {
  readonly system: string | readonly JsonObject[] | null
  readonly messages: readonly JsonObject[]
  /** The model is in the middle of calls, and the thoughts that led to them did not come back. */
  readonly hasLostThoughts: boolean
}

/** `instruction`: what is added to the instructions. */
export function sayConversation(
  { instructions, turns }: Conversation,
  instruction: string | null,
  writing: BlockWriting,
): SaidConversation {
  const system = sayParts(instructions, writing)
  if (instruction !== null) system.push({ type: 'text', text: instruction })
  const messages: JsonObject[] = []
  const calls = new CallIds(maxIdLength)
  turns.forEach((turn, at) => {
    const isLast = at === turns.length - 1
    const content =
      turn.role === 'user'
        ? sayUser(turn, calls, writing)
        : sayAssistant(turn, isLast, calls, writing)
    if (content.length === 0) return
    messages.push({ role: turn.role, content: brief(content) })
  })
  const hasLostThoughts = isAmidCalls(turns.at(-2), turns.at(-1))
  // Instructions alone are no conversation: then they are what the user says.
  return messages.length === 0 && system.length > 0
    ? { system: null, messages: [{ role: 'user', content: brief(system) }], hasLostThoughts }
    : { system: system.length > 0 ? brief(system) : null, messages, hasLostThoughts }
}

function isAmidCalls(
  before: UserTurn | AssistantTurn | undefined,
  last: UserTurn | AssistantTurn | undefined,
): boolean {
  if (last?.role !== 'user' || last.results.length === 0 || before?.role !== 'assistant')
    return false
  return before.toolCalls.length > 0 && !before.reasoning.some(isOwnThought)
}

function sayUser(turn: UserTurn, calls: CallIds, writing: BlockWriting): readonly JsonObject[] {
  const results = turn.results.map((result) => sayResult(result, calls, writing))
  return [...results, ...sayParts(turn.parts, writing)]
}

function sayResult(result: ToolResult, calls: CallIds, writing: BlockWriting): JsonObject {
  const content = sayParts(result.parts, writing)
  const { name: _name, is_error: isError, status, ...extra } = result.extra
  return {
    type: 'tool_result',
    tool_use_id: calls.take(result.callId),
    ...(content.length > 0 && { content: brief(content) }),
    ...((isError === true || status === 'error') && { is_error: true }),
    ...beside(extra, resultMarks, result.at, writing.omissions),
  }
}

const resultMarks = new Set(['cache_control'])

function sayAssistant(
  turn: AssistantTurn,
  isLast: boolean,
  calls: CallIds,
  writing: BlockWriting,
): readonly JsonObject[] {
  const blocks = sayParts(turn.parts, writing)
  const end = blocks.at(-1)
  // What the model is to go on from must not end in white space.
  if (isLast && turn.toolCalls.length === 0 && end?.['type'] === 'text')
    blocks[blocks.length - 1] = { ...end, text: String(end['text']).trimEnd() }
  calls.beginTurn()
  for (const call of turn.toolCalls) blocks.push(sayCall(call, calls, writing))
  return withThoughts(turn.reasoning, blocks, writing)
}

function sayCall(
  { id, name, kind, arguments: text, extra = {}, at }: TurnCall,
  calls: CallIds,
  { omissions }: BlockWriting,
): JsonObject {
  const input =
    kind === 'custom' ? { input: text } : (argumentsObject(text) ?? { INVALID_JSON: text })
  return {
    type: 'tool_use',
    id: calls.add(id),
    name,
    input,
    ...beside(extra, callMarks, at, omissions),
  }
}

const callMarks = new Set(['cache_control', 'caller'])

const isOwnThought = ({ detail }: Thought): boolean =>
  detail['format'] === thoughtFormat &&
  (typeof detail['signature'] === 'string' || typeof detail['data'] === 'string')

/** Thoughts go back to where they were, between what else the turn holds. */
function withThoughts(
  thoughts: readonly Thought[],
  blocks: JsonObject[],
  { omissions }: BlockWriting,
): readonly JsonObject[] {
  let next = 0
  for (const thought of thoughts) {
    if (!isOwnThought(thought)) {
      omissions.drop(thought.at)
      continue
    }
    const { detail } = thought
    const { index, text, signature, data } = detail
    const at = Math.max(next, typeof index === 'number' ? index : 0)
    const block =
      typeof data === 'string'
        ? { type: 'redacted_thinking', data }
        : { type: 'thinking', thinking: typeof text === 'string' ? text : '', signature }
    blocks.splice(Math.min(at, blocks.length), 0, block)
    next = at + 1
  }
  return blocks
}
