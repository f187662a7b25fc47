import type { ChatMessage, ToolCall } from '../../core/chat.ts'
import { argumentsText, isObject, type JsonObject, listOf } from '../json.ts'
import type { Omissions } from './omissions.ts'
import { type Part, readPart, type Written } from './parts.ts'

/**
 * A conversation as most providers want it: the instructions apart, turns that alternate between the user and the
 * model, and the results of one turn's tool calls together, before what the user says next.
 */
export interface Conversation {
  /** What `system` and `developer` messages say, in order, wherever they stood. */
  readonly instructions: readonly Part[]
  readonly turns: readonly Turn[]
}

export type Turn = UserTurn | AssistantTurn

export interface UserTurn {
  readonly role: 'user'
  readonly results: readonly ToolResult[]
  readonly parts: readonly Part[]
}

export interface AssistantTurn {
  readonly role: 'assistant'
  /** Text and refusals. */
  readonly parts: readonly Part[]
  readonly toolCalls: readonly TurnCall[]
  /** The `reasoning_details` it came with, for providers that want their thoughts back. */
  readonly reasoning: readonly Thought[]
}

export type TurnCall = ToolCall & Written

export interface Thought extends Written {
  readonly detail: JsonObject
}

export interface ToolResult extends Written {
  readonly callId: string
  /** Of the tool, as the call that it answers says; empty where there is no such call. */
  readonly name: string
  readonly parts: readonly Part[]
  readonly extra: JsonObject
}

interface Building {
  readonly instructions: Part[]
  readonly turns: (
    | { role: 'user'; results: ToolResult[]; parts: Part[] }
    | { role: 'assistant'; parts: Part[]; toolCalls: TurnCall[]; reasoning: Thought[] }
  )[]
  /** Names of the tools by the ids of the calls, the last of each. */
  readonly names: Map<string, string>
  /** The same for the calls of the last turn that have no result yet, in order: ids may come twice, or be empty. */
  readonly open: Map<string, string[]>
  /** Calls in the older form, which have names only: the id that was made for the last call of each. */
  readonly older: Map<string, string>
}

/** Messages of one role that follow each other become one turn. Unknown roles are denied. */
export function readConversation(
  messages: readonly ChatMessage[],
  omissions: Omissions,
): Conversation {
  const building: Building = {
    instructions: [],
    turns: [],
    names: new Map(),
    open: new Map(),
    older: new Map(),
  }
  messages.forEach((message, at) => {
    take(message, at, building, omissions)
  })
  const { instructions, turns } = building
  for (const [at, turn] of turns.entries())
    if (turn.role === 'user') turn.results.push(...missingResults(turns[at - 1], turn))
  const last = turns.at(-1)
  // Blank text is refused nearly everywhere, and without this turn the model would go on with its own last one.
  if (last?.role === 'user' && last.results.length === 0 && last.parts.every(isBlank))
    last.parts.push({ kind: 'text', text: emptyTurn, extra: {}, at: 'messages' })
  if (turns.length === 0 && instructions.every(isBlank))
    omissions.deny('messages', 'Send at least one message that says something.')
  return { instructions, turns }
}

/** Stands for a last message of the user that says nothing. */
export const emptyTurn = '(empty)'

// The first character decides nearly always: text may be megabytes long.
const isBlank = (part: Part): boolean =>
  (part.kind === 'text' || part.kind === 'refusal') && !/\S/.test(part.text)

export const noResult = 'There is no result of this call.'

/** Providers refuse calls that got no result once the conversation went on: each gets one that says so. */
function missingResults(
  before: Turn | undefined,
  { results }: { readonly results: readonly ToolResult[] },
): readonly ToolResult[] {
  if (before?.role !== 'assistant') return []
  const given = results.map(({ callId }) => callId)
  return before.toolCalls.flatMap(({ id, name, at }) => {
    const place = given.indexOf(id)
    if (place >= 0) {
      given.splice(place, 1)
      return []
    }
    const parts: readonly Part[] = [{ kind: 'text', text: noResult, extra: {}, at }]
    return [{ callId: id, name, parts, extra: { is_error: true }, at }]
  })
}

/** The name of what they answer is known by the call. */
const isResult = (role: string): boolean => role === 'tool' || role === 'function'

function take(message: ChatMessage, at: number, building: Building, omissions: Omissions): void {
  const { role, extra } = message
  const place = `messages[${at}]`
  const parts = partsOf(message, place)
  if (typeof extra['name'] === 'string' && extra['name'] && !isResult(role))
    omissions.drop(`${place}.name`)
  if (!isResult(role)) reportOthers(extra, place, omissions)
  switch (role) {
    case 'system':
    case 'developer':
      building.instructions.push(...parts)
      return
    case 'user':
      userTurn(building).parts.push(...parts)
      return
    case 'assistant':
      takeAssistant(message, place, parts, building, omissions)
      return
    case 'tool':
    case 'function': {
      const older = building.older.get(String(extra['name'] ?? ''))
      const callId = message.toolCallId ?? older ?? ''
      const called = building.open.get(callId)?.shift() ?? building.names.get(callId)
      const name = called ?? String(extra['name'] ?? '')
      userTurn(building).results.push({ callId, name, parts, extra, at: place })
      return
    }
    default:
      omissions.deny(
        `${place}.role`,
        `Roles are system, developer, user, assistant and tool; this one is "${role}".`,
      )
  }
}

/** Members that have a meaning here; those of a tool's result are the dialect's to read. */
const known = new Set([
  'name',
  'refusal',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
  'audio',
  'function_call',
])

/** `place`: as of `Written`, of a message that is no tool's result. */
export function reportOthers(extra: JsonObject, place: string, omissions: Omissions): void {
  for (const [name, value] of Object.entries(extra)) {
    const isEmpty = value == null || (Array.isArray(value) && value.length === 0)
    if (!isEmpty && !known.has(name)) omissions.drop(`${place}.${name}`)
  }
}

function takeAssistant(
  { toolCalls = [], extra }: ChatMessage,
  place: string,
  parts: readonly Part[],
  building: Building,
  omissions: Omissions,
): void {
  const turn = assistantTurn(building)
  turn.parts.push(...parts)
  if (typeof extra['refusal'] === 'string' && extra['refusal'])
    turn.parts.push({ kind: 'refusal', text: extra['refusal'], extra: {}, at: place })
  const details = listOf(extra['reasoning_details']).flatMap((detail, at) =>
    isObject(detail) ? [{ detail, at: `${place}.reasoning_details[${at}]` }] : [],
  )
  turn.reasoning.push(...details)
  // Thoughts without a signature are for people to read: no provider takes them back.
  if (details.length === 0)
    for (const name of ['reasoning_content', 'reasoning'])
      if (extra[name]) omissions.drop(`${place}.${name}`)
  if (extra['audio']) omissions.drop(`${place}.audio`)
  const older = extra['function_call']
  const calls = toolCalls.map((call, at) => ({ ...call, at: `${place}.tool_calls[${at}]` }))
  if (isObject(older)) calls.push({ ...olderCall(older, building), at: `${place}.function_call` })
  if (turn.toolCalls.length === 0) building.open.clear()
  for (const call of calls) {
    const { id, name } = call
    building.names.set(id, name)
    building.open.set(id, [...(building.open.get(id) ?? []), name])
    turn.toolCalls.push(call)
  }
}

function olderCall(wire: JsonObject, { names, older }: Building): ToolCall {
  const name = String(wire['name'] ?? '')
  const id = `call_${names.size}`
  older.set(name, id)
  return { id, name, arguments: argumentsText(wire['arguments']), kind: 'function' }
}

function userTurn({ turns }: Building): Extract<Building['turns'][number], { role: 'user' }> {
  const last = turns.at(-1)
  if (last?.role === 'user') return last
  const turn = { role: 'user' as const, results: [], parts: [] }
  turns.push(turn)
  return turn
}

function assistantTurn({
  turns,
}: Building): Extract<Building['turns'][number], { role: 'assistant' }> {
  const last = turns.at(-1)
  if (last?.role === 'assistant') return last
  const turn = { role: 'assistant' as const, parts: [], toolCalls: [], reasoning: [] }
  turns.push(turn)
  return turn
}

function partsOf({ content }: ChatMessage, place: string): readonly Part[] {
  const at = `${place}.content`
  if (typeof content === 'string')
    return content === '' ? [] : [{ kind: 'text', text: content, extra: {}, at }]
  return (content ?? []).map((part, number) => readPart(part, `${at}[${number}]`))
}

/** The text of parts that are text; what else they are is the caller's to refuse. */
export const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('')
