import { type JsonObject, without } from '../json.ts'
import { CallIds } from '../translate/call-ids.ts'
import type {
  AssistantTurn,
  Conversation,
  ToolResult,
  Turn,
  TurnCall,
  UserTurn,
} from '../translate/conversation.ts'
import type { Omissions } from '../translate/omissions.ts'
import { type Part, paramOf } from '../translate/parts.ts'
import { argumentsObject } from '../translate/tools.ts'
import { cachePoint } from './cache-point.ts'
import { documentMembers, type MediaContext, mediaBlock } from './media.ts'
import { blockOf } from './reasoning-details.ts'

export interface EncodedConversation {
  readonly system: readonly JsonObject[]
  readonly messages: readonly JsonObject[]
  /** Names of the tools that the history calls. */
  readonly called: ReadonlySet<string>
  /** Whether results are sent for calls whose thoughts did not come back. */
  readonly lacksThoughts: boolean
}

interface Writing extends MediaContext {
  readonly ids: CallIds
}

/** Blank text is refused by Bedrock, so it is no block, and what has no block is no message. */
export function encodeConversation(
  { instructions, turns }: Conversation,
  media: MediaContext,
): EncodedConversation {
  const writing: Writing = { ...media, ids: new CallIds(64) }
  const system = textBlocks(instructions, writing)
  const messages: { role: Turn['role']; content: JsonObject[] }[] = []
  for (const turn of turns) {
    const content =
      turn.role === 'user' ? userBlocks(turn, writing) : assistantBlocks(turn, writing)
    const last = messages.at(-1)
    if (last?.role === turn.role) last.content.push(...content)
    else if (content.length > 0) messages.push({ role: turn.role, content })
  }
  // A conversation must begin with the user: instructions alone are what the user says, an answer gets a question.
  if (messages.length === 0 && system.length > 0)
    messages.push({ role: 'user', content: system.splice(0) })
  if (messages.length === 0)
    media.omissions.deny('messages', 'Send at least one message that says something.')
  if (messages[0]?.role === 'assistant')
    messages.unshift({ role: 'user', content: [{ text: '(The assistant begins.)' }] })
  trimEnd(messages.at(-1))
  const calls = turns.flatMap((turn) => (turn.role === 'assistant' ? turn.toolCalls : []))
  return {
    system,
    messages,
    called: new Set(calls.map(({ name }) => name)),
    lacksThoughts: lacksThoughts(turns),
  }
}

/** What the model is to go on from must not end in white space. */
function trimEnd(
  last: { readonly role: Turn['role']; readonly content: JsonObject[] } | undefined,
): void {
  const text = last?.content.at(-1)?.['text']
  if (last?.role === 'assistant' && typeof text === 'string')
    last.content[last.content.length - 1] = { text: text.trimEnd() }
}

function lacksThoughts(turns: readonly Turn[]): boolean {
  const last = turns.at(-1)
  const before = turns.at(-2)
  return (
    last?.role === 'user' &&
    last.results.length > 0 &&
    before?.role === 'assistant' &&
    before.toolCalls.length > 0 &&
    !before.reasoning.some(({ detail }) => blockOf(detail) !== null)
  )
}

function userBlocks({ results, parts }: UserTurn, writing: Writing): JsonObject[] {
  return [
    ...results.flatMap((result) => resultBlocks(result, writing)),
    ...parts.flatMap((part) => userBlock(part, writing)),
  ]
}

function userBlock(part: Part, writing: Writing): readonly JsonObject[] {
  if (part.kind === 'text' || part.kind === 'refusal') return textBlock(part, writing)
  if (part.kind === 'unknown') return ownBlock(part, writing)
  const block = mediaBlock(part, writing)
  noteExtras(part, documentMembers, writing.omissions)
  return block ? [block, ...cachePoint(part.extra)] : []
}

/** Blocks of Bedrock's own that OpenAI has no part for. */
const ownParts: Readonly<Record<string, string>> = {
  guard_content: 'guardContent',
  search_result: 'searchResult',
}

function ownBlock(
  unknown: Extract<Part, { kind: 'unknown' }>,
  { omissions }: Writing,
): readonly JsonObject[] {
  const { type, part } = unknown
  const name = Object.hasOwn(ownParts, type) ? ownParts[type] : undefined
  if (name !== undefined && part[type] !== undefined) return [{ [name]: part[type] }]
  const known = 'Parts are text, image_url, video_url, input_audio and file.'
  omissions.refuse(paramOf(unknown), known)
  return []
}

function resultBlocks({ callId, parts, extra, at }: ToolResult, writing: Writing): JsonObject[] {
  const content = parts.flatMap((part) => userBlock(part, writing))
  const blocks = content.filter((block) => !('cachePoint' in block))
  const marks = content.filter((block) => 'cachePoint' in block)
  const isError = extra['is_error'] === true || extra['status'] === 'error'
  for (const [name, value] of Object.entries(without(extra, resultMembers)))
    if (value != null) writing.omissions.drop(`${at}.${name}`)
  return [
    {
      toolResult: {
        toolUseId: writing.ids.take(callId),
        // Text that says nothing is refused here as well, and a result must have content.
        content: blocks.length > 0 ? blocks : [{ json: {} }],
        ...(isError && { status: 'error' }),
      },
    },
    ...(marks.length > 0 ? marks.slice(0, 1) : cachePoint(extra)),
  ]
}

const resultMembers = new Set(['name', 'is_error', 'status', 'cache_control'])

function assistantBlocks(turn: AssistantTurn, writing: Writing): JsonObject[] {
  const thoughts = turn.reasoning.flatMap(({ detail, at }) => {
    const block = blockOf(detail)
    // Another provider's proof means nothing here.
    if (!block) writing.omissions.drop(at)
    return block ? [block] : []
  })
  writing.ids.beginTurn()
  return [
    ...thoughts,
    ...textBlocks(turn.parts, writing),
    ...turn.toolCalls.map((call) => callBlock(call, writing)),
  ]
}

function callBlock(
  { id, name, kind, arguments: text, extra = {}, at }: TurnCall,
  writing: Writing,
): JsonObject {
  for (const [member, value] of Object.entries(extra))
    if (value != null) writing.omissions.drop(`${at}.${member}`)
  // What a model once wrote need not be an object, but must be one to be said here.
  const input = kind === 'custom' ? { input: text } : (argumentsObject(text) ?? { arguments: text })
  return { toolUse: { toolUseId: writing.ids.add(id), name, input } }
}

function textBlocks(parts: readonly Part[], writing: Writing): JsonObject[] {
  return parts.flatMap((part) => {
    if (part.kind === 'text' || part.kind === 'refusal') return textBlock(part, writing)
    if (part.kind === 'unknown') return ownBlock(part, writing)
    writing.omissions.refuse(paramOf(part), 'Only the user and tools send more than text.')
    return []
  })
}

function textBlock(
  part: Extract<Part, { kind: 'text' | 'refusal' }>,
  { omissions }: Writing,
): readonly JsonObject[] {
  const { text, extra } = part
  noteExtras(part, noMembers, omissions)
  return /\S/.test(text) ? [{ text }, ...cachePoint(extra)] : []
}

const noMembers: ReadonlySet<string> = new Set()

function noteExtras(
  { extra, at }: Exclude<Part, { kind: 'unknown' }>,
  known: ReadonlySet<string>,
  omissions: Omissions,
): void {
  for (const [name, value] of Object.entries(extra))
    if (name !== 'cache_control' && value != null && !known.has(name))
      omissions.drop(`${at}.${name}`)
}
