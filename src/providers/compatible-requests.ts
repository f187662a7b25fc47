import { createHash } from 'node:crypto'
import { isObject, type JsonObject, listOf, without } from '../wire/json.ts'
import { readField } from '../wire/json-scan.ts'
import type { JsonEdit } from '../wire/json-splice.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'

/** For vendors that know the older spelling only: they refuse the newer one, or ignore the limit. */
export function olderTokenLimit({ fields }: ChatLook): readonly JsonEdit[] {
  if (!fields.has('max_completion_tokens')) return []
  return [
    { name: 'max_tokens', remove: true },
    { name: 'max_completion_tokens', rename: 'max_tokens' },
  ]
}

/** For vendors that do not know the role `developer`. */
export const olderRoles = (look: ChatLook): readonly JsonEdit[] =>
  rewriteMessages(look, ['"developer"'], (message) =>
    message['role'] === 'developer' ? { ...message, role: 'system' } : null,
  )

/** Mistral refuses every field that it does not know, in messages as well, and ids of calls that are not its own. */
export function mistralEdits(look: ChatLook): readonly JsonEdit[] {
  const { bytes, fields } = look
  const choice = fields.get('tool_choice')
  return [
    { name: 'stream_options', remove: true },
    { name: 'seed', rename: 'random_seed' },
    ...olderTokenLimit(look),
    ...(choice && readField(bytes, choice) === 'required'
      ? [{ name: 'tool_choice', value: '"any"' }]
      : []),
    ...rewriteMessages(look, mistralMarks, mistralMessage),
  ]
}

// What OpenAI's clients and this gateway add to a message of the assistant that is sent back.
const notMistral = ['refusal', 'annotations', 'audio', 'function_call', 'reasoning_content']
const mistralMarks = [
  '"tool_call_id"',
  '"tool_calls"',
  '"developer"',
  ...notMistral.map((name) => `"${name}"`),
]

function mistralMessage(message: JsonObject): JsonObject | null {
  const { role, tool_call_id: answered, tool_calls: calls } = message
  const changes: Record<string, unknown> = {}
  if (role === 'developer') changes['role'] = 'system'
  if (typeof answered === 'string' && mistralId(answered) !== answered)
    changes['tool_call_id'] = mistralId(answered)
  const foreign = listOf(calls).some(
    (call) =>
      isObject(call) && typeof call['id'] === 'string' && mistralId(call['id']) !== call['id'],
  )
  if (foreign)
    changes['tool_calls'] = listOf(calls).map((call) =>
      isObject(call) ? { ...call, id: mistralId(String(call['id'])) } : call,
    )
  const unknown = role === 'assistant' ? notMistral.filter((name) => isIdle(message, name)) : []
  if (unknown.length === 0)
    return Object.keys(changes).length > 0 ? { ...message, ...changes } : null
  return { ...without(message, new Set(unknown)), ...changes }
}

/** Thoughts and sources are for people to read; of the others only what says nothing may go. */
function isIdle(message: JsonObject, name: string): boolean {
  if (!(name in message)) return false
  const value = message[name]
  const isEmpty = value === null || (Array.isArray(value) && value.length === 0)
  return isEmpty || name === 'reasoning_content' || name === 'annotations'
}

/** Nine letters or digits, the same for the same id, so that a call and its result stay together. */
const mistralId = (id: string): string =>
  /^[a-zA-Z0-9]{9}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 9)

/** `marks`: bytes without one of which no message can need a change, so that most conversations are not even read. */
function rewriteMessages(
  { bytes, fields }: ChatLook,
  marks: readonly string[],
  change: (message: JsonObject) => JsonObject | null,
): readonly JsonEdit[] {
  const field = fields.get('messages')
  if (!field) return []
  const text = bytes.subarray(field.start, field.end)
  if (!marks.some((mark) => text.includes(mark))) return []
  let changed = false
  const messages = listOf(readField(bytes, field)).map((message) => {
    const next = isObject(message) ? change(message) : null
    if (next) changed = true
    return next ?? message
  })
  return changed ? [{ name: 'messages', value: JSON.stringify(messages) }] : []
}
