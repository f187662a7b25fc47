import type { ChatMessage, ToolCall } from '../../core/chat.ts'
import { argumentsText, isObject, type JsonObject, listOf } from '../json.ts'
import type { Omissions } from './omissions.ts'
import { type Part, readPart } from './parts.ts'

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
  readonly toolCalls: readonly ToolCall[]
  /** The `reasoning_details` it came with, for providers that want their thoughts back. */
  readonly reasoning: readonly JsonObject[]
}

export interface ToolResult {
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
    | { role: 'assistant'; parts: Part[]; toolCalls: ToolCall[]; reasoning: JsonObject[] }
  )[]
  /** Names of the tools by the ids of the calls. */
  readonly names: Map<string, string>
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
    older: new Map(),
  }
  messages.forEach((message, at) => {
    take(message, at, building, omissions)
  })
  return { instructions: building.instructions, turns: building.turns }
}

function take(message: ChatMessage, at: number, building: Building, omissions: Omissions): void {
  const { role, extra } = message
  const parts = partsOf(message)
  if (typeof extra['name'] === 'string' && extra['name'] && role !== 'function')
    omissions.drop(`messages[${at}].name`)
  switch (role) {
    case 'system':
    case 'developer':
      building.instructions.push(...parts)
      return
    case 'user':
      userTurn(building).parts.push(...parts)
      return
    case 'assistant':
      takeAssistant(message, at, parts, building, omissions)
      return
    case 'tool':
    case 'function': {
      const older = building.older.get(String(extra['name'] ?? ''))
      const callId = message.toolCallId ?? older ?? ''
      const name = building.names.get(callId) ?? String(extra['name'] ?? '')
      userTurn(building).results.push({ callId, name, parts, extra })
      return
    }
    default:
      omissions.deny(
        `messages[${at}].role`,
        `Roles are system, developer, user, assistant and tool; this one is "${role}".`,
      )
  }
}

function takeAssistant(
  { toolCalls = [], extra }: ChatMessage,
  at: number,
  parts: readonly Part[],
  building: Building,
  omissions: Omissions,
): void {
  const turn = assistantTurn(building)
  turn.parts.push(...parts)
  if (typeof extra['refusal'] === 'string' && extra['refusal'])
    turn.parts.push({ kind: 'refusal', text: extra['refusal'], extra: {} })
  const details = listOf(extra['reasoning_details']).filter(isObject)
  turn.reasoning.push(...details)
  // Thoughts without a signature are for people to read: no provider takes them back.
  if (details.length === 0)
    for (const name of ['reasoning_content', 'reasoning'])
      if (extra[name]) omissions.drop(`messages[${at}].${name}`)
  if (extra['audio']) omissions.drop(`messages[${at}].audio`)
  const older = extra['function_call']
  const calls = isObject(older) ? [...toolCalls, olderCall(older, building)] : toolCalls
  for (const call of calls) {
    building.names.set(call.id, call.name)
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

function partsOf({ content }: ChatMessage): readonly Part[] {
  if (typeof content === 'string')
    return content === '' ? [] : [{ kind: 'text', text: content, extra: {} }]
  return (content ?? []).map(readPart)
}

/** The text of parts that are text; what else they are is the caller's to refuse. */
export const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('')
