import type { ChatMessage, ToolCall } from '../../core/chat.ts'
import { argumentsText, isObject, type JsonObject, listOf } from '../json.ts'
import { CallIds } from '../translate/call-ids.ts'
import { emptyTurn, noResult, reportOthers } from '../translate/conversation.ts'
import type { Omissions } from '../translate/omissions.ts'
import { type MediaPart, type Part, paramOf, readPart } from '../translate/parts.ts'
import { thoughtText } from './thoughts.ts'

interface Conversation {
  readonly omissions: Omissions
  /** Whether thoughts of earlier turns may come back: Cohere refuses them where thinking is off. */
  readonly thinks: boolean
  readonly ids: CallIds
  /** Calls in the older form, which have names only: the id that was made for the last call of each. */
  readonly older: Map<string, string>
}

/** Message by message, since Cohere takes them in any order and number. Unknown roles are denied. */
export function encodeMessages(
  messages: readonly ChatMessage[],
  thinks: boolean,
  omissions: Omissions,
): readonly JsonObject[] {
  const conversation: Conversation = {
    omissions,
    thinks,
    ids: new CallIds(256),
    older: new Map(),
  }
  const encoded = messages.flatMap((message, at) => {
    const { role } = message
    const isAmid = role === 'tool' || role === 'function' || role === 'assistant'
    return [
      ...(isAmid ? [] : missingResults(conversation)),
      encodeMessage(message, at, conversation),
    ]
  })
  const last = encoded.at(-1)
  const said = encoded.filter((message) => !isBlank(message))
  if (last?.['role'] === 'user' && isBlank(last)) said.push({ role: 'user', content: emptyTurn })
  if (said.length === 0)
    omissions.deny('messages', 'Send at least one message that says something.')
  // Instructions alone are no conversation: then they are what the user says.
  return said.every(({ role }) => role === 'system')
    ? said.map((message) => ({ ...message, role: 'user' }))
    : said
}

/** What says nothing is refused there, but for a tool's result. */
const isBlank = ({ role, content, tool_calls: calls }: JsonObject): boolean =>
  role !== 'tool' && calls === undefined && typeof content === 'string' && !/\S/.test(content)

/** Calls that got no result once the conversation goes on are refused: each gets one that says so. */
const missingResults = ({ ids }: Conversation): readonly JsonObject[] =>
  ids.takeRest().map((id) => ({ role: 'tool', tool_call_id: id, content: noResult }))

function callIdOf({ toolCallId, extra }: ChatMessage, { ids, older }: Conversation): string {
  return ids.take(toolCallId ?? older.get(String(extra['name'] ?? '')) ?? '')
}

function encodeMessage(message: ChatMessage, at: number, conversation: Conversation): JsonObject {
  const { role, extra } = message
  const { omissions } = conversation
  const isResult = role === 'tool' || role === 'function'
  if (isResult) reportBesideResult(extra, at, omissions)
  else {
    if (extra['name']) omissions.drop(`messages[${at}].name`)
    reportOthers(extra, `messages[${at}]`, omissions)
  }
  const content = (): string | readonly JsonObject[] => contentOf(message, at, omissions)
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: content() }
    case 'user':
      return { role, content: content() }
    case 'assistant':
      return encodeAssistant(message, at, conversation)
    case 'tool':
    case 'function':
      return {
        role: 'tool',
        tool_call_id: callIdOf(message, conversation),
        content: content(),
      }
    default:
      return omissions.deny(
        `messages[${at}].role`,
        `Roles are system, developer, user, assistant and tool; this one is "${role}".`,
      )
  }
}

/** The name of what a result answers is known by the call. */
function reportBesideResult(extra: JsonObject, at: number, omissions: Omissions): void {
  for (const [name, value] of Object.entries(extra))
    if (value != null && name !== 'name') omissions.drop(`messages[${at}].${name}`)
}

/** Beside tool calls Cohere takes no text but the plan that led to them, which is what such a text is. */
function encodeAssistant(message: ChatMessage, at: number, conversation: Conversation): JsonObject {
  const { extra, toolCalls = [] } = message
  if (extra['audio']) conversation.omissions.drop(`messages[${at}].audio`)
  const older = extra['function_call']
  const calls = isObject(older) ? [...toolCalls, olderCall(older, conversation)] : toolCalls
  const thoughts = thoughtsOf(extra, at, conversation)
  const said = contentOf(message, at, conversation.omissions)
  const content = joined(said, extra['refusal'])
  if (calls.length === 0)
    return {
      role: 'assistant',
      content: thoughts.length === 0 ? content : [...thoughts, ...partsOf(content)],
    }
  conversation.ids.beginTurn()
  const plan = partsOf(content)
    .map(({ text }) => String(text ?? ''))
    .join('')
  return {
    role: 'assistant',
    ...(thoughts.length > 0 && { content: thoughts }),
    ...(plan && { tool_plan: plan }),
    tool_calls: calls.map((call, place) =>
      encodeCall(call, `messages[${at}].tool_calls[${place}]`, conversation),
    ),
  }
}

function thoughtsOf(
  extra: JsonObject,
  at: number,
  { omissions, thinks }: Conversation,
): readonly JsonObject[] {
  const given = listOf(extra['reasoning_details']).filter(isObject)
  const own = given.map(thoughtText).filter((text) => text !== null)
  if (thinks && own.length > 0) return own.map((thinking) => ({ type: 'thinking', thinking }))
  if (given.length > 0) omissions.drop(`messages[${at}].reasoning_details`)
  for (const name of ['reasoning_content', 'reasoning'])
    if (extra[name]) omissions.drop(`messages[${at}].${name}`)
  return []
}

function olderCall(wire: JsonObject, { older }: Conversation): ToolCall {
  const name = String(wire['name'] ?? '')
  const id = `call_${older.size}_${name}`
  older.set(name, id)
  return { id, name, arguments: argumentsText(wire['arguments']), kind: 'function' }
}

function encodeCall(
  { id, name, kind, arguments: text, extra = {} }: ToolCall,
  at: string,
  { ids, omissions }: Conversation,
): JsonObject {
  for (const [member, value] of Object.entries(extra))
    if (value != null) omissions.drop(`${at}.${member}`)
  const json = kind === 'custom' ? JSON.stringify({ input: text }) : text || '{}'
  return { id: ids.add(id), type: 'function', function: { name, arguments: json } }
}

const partsOf = (content: string | readonly JsonObject[]): readonly JsonObject[] =>
  typeof content !== 'string' ? content : content === '' ? [] : [{ type: 'text', text: content }]

function joined(
  content: string | readonly JsonObject[],
  refusal: unknown,
): string | readonly JsonObject[] {
  if (typeof refusal !== 'string' || refusal === '') return content
  return content === '' ? refusal : [...partsOf(content), { type: 'text', text: refusal }]
}

/** One text as it is; several, or pictures, as a list. */
function contentOf(
  { role, content }: ChatMessage,
  at: number,
  omissions: Omissions,
): string | readonly JsonObject[] {
  if (typeof content === 'string') return content
  const parts = (content ?? []).flatMap((part, place) =>
    encodePart(readPart(part, `messages[${at}].content[${place}]`), role, omissions),
  )
  const [first, ...others] = parts
  if (first === undefined) return ''
  return others.length === 0 && typeof first['text'] === 'string' ? first['text'] : parts
}

function encodePart(part: Part, role: string, omissions: Omissions): readonly JsonObject[] {
  if (part.kind === 'unknown') {
    const isDocument = part.type === 'document' && (role === 'tool' || role === 'function')
    if (isDocument) return [part.part]
    omissions.refuse(paramOf(part), `It takes text and images; this part is "${part.type}".`)
    return []
  }
  for (const [member, value] of Object.entries(part.extra))
    if (value != null) omissions.drop(`${part.at}.${member}`)
  if (part.kind === 'text' || part.kind === 'refusal') return [{ type: 'text', text: part.text }]
  if (part.kind === 'image' && role === 'user') return encodeImage(part, omissions)
  const instead =
    part.kind === 'image'
      ? 'It takes images from the user only.'
      : part.kind === 'file'
        ? 'Give what the file says as text, or in "documents".'
        : 'It takes text and images.'
  omissions.refuse(paramOf(part), instead)
  return []
}

function encodeImage(part: MediaPart, omissions: Omissions): readonly JsonObject[] {
  const { source, detail } = part
  if (source.kind === 'id') {
    omissions.refuse(paramOf(part), 'Give the image as a link or as data.')
    return []
  }
  const url =
    source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.base64}`
  return [{ type: 'image_url', image_url: { url, ...(detail !== undefined && { detail }) } }]
}
