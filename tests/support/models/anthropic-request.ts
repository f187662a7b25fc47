import { answers, sign } from './conversation.ts'
import {
  anyObject,
  base64,
  count,
  either,
  type Fields,
  flag,
  list,
  literal,
  number,
  object,
  objectSchema,
  Refusal,
  type Shape,
  text,
  variant,
  words,
} from './shapes.ts'

const id = text(/^[a-zA-Z0-9_-]+$/)
const mark = object({ type: literal('ephemeral') }, { ttl: literal('5m', '1h') })
const block = (type: string, required: Readonly<Record<string, Shape>>): Shape =>
  object({ type: literal(type), ...required }, { cache_control: mark })

const textBlock = block('text', { text: words })
const imageBlock = block('image', {
  source: variant('type', {
    base64: object({
      type: literal('base64'),
      media_type: literal('image/jpeg', 'image/png', 'image/gif', 'image/webp'),
      data: base64,
    }),
    url: object({ type: literal('url'), url: text(/^https:/) }),
  }),
})
const resultBlock = object(
  { type: literal('tool_result'), tool_use_id: id },
  {
    content: either(text(), list(variant('type', { text: textBlock, image: imageBlock }))),
    is_error: flag,
    cache_control: mark,
  },
)
const userBlocks = variant('type', {
  text: textBlock,
  image: imageBlock,
  tool_result: resultBlock,
})
const assistantBlocks = variant('type', {
  text: textBlock,
  tool_use: block('tool_use', { id, name: id, input: anyObject }),
  thinking: object({ type: literal('thinking'), thinking: text(/^/), signature: text() }),
  redacted_thinking: object({ type: literal('redacted_thinking'), data: text() }),
})
const message = variant('role', {
  user: object({ role: text(), content: either(words, list(userBlocks)) }),
  assistant: object({ role: text(), content: either(words, list(assistantBlocks)) }),
})
const tool = object(
  { name: text(/^[a-zA-Z0-9_-]{1,128}$/), input_schema: objectSchema },
  { description: text(), strict: flag, cache_control: mark },
)
const choice = variant('type', {
  auto: object({ type: text() }, { disable_parallel_tool_use: flag }),
  any: object({ type: text() }, { disable_parallel_tool_use: flag }),
  tool: object({ type: text(), name: text() }, { disable_parallel_tool_use: flag }),
  none: object({ type: text() }),
})
const closedSchema: Shape = (value, path) => {
  objectSchema(value, path)
  if ((value as Fields)['additionalProperties'] !== false)
    throw new Refusal(`${path}.additionalProperties`, 'must be false')
}
const optional = {
  system: either(words, list(textBlock)),
  stream: flag,
  tools: list(tool),
  tool_choice: choice,
  thinking: variant('type', {
    enabled: object({ type: text(), budget_tokens: count(1024) }),
    adaptive: object({ type: text() }, { display: literal('summarized', 'omitted') }),
    disabled: object({ type: text() }),
  }),
  output_config: object(
    {},
    {
      effort: literal('low', 'medium', 'high', 'xhigh', 'max'),
      format: object({ type: literal('json_schema'), schema: closedSchema }),
    },
  ),
  temperature: number(0, 1),
  top_p: number(0, 1),
  top_k: count(),
  stop_sequences: list(words),
  metadata: object({}, { user_id: text() }),
  service_tier: literal('auto', 'standard_only'),
}
const ownBody = object({ model: text(), max_tokens: count(1), messages: list(message) }, optional)
const cloudBody = object(
  {
    anthropic_version: literal('vertex-2023-10-16'),
    max_tokens: count(1),
    messages: list(message),
  },
  optional,
)

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: readonly Block[]
}

export type Block = Fields & { readonly type: string }

export interface AnthropicOptions {
  readonly place: 'own' | 'vertex'
  readonly model: string
  /** Whether calls may come back without their thoughts where the provider allows that. */
  readonly takesForeign: boolean
}

/** What the provider looks at before a model sees anything. Throws a `Refusal`. */
export function checkAnthropicRequest(body: Fields, options: AnthropicOptions): Message[] {
  const shape = options.place === 'vertex' ? cloudBody : ownBody
  shape(body, 'body')
  const messages = (body['messages'] as Fields[]).map(({ role, content }) => ({
    role: role as Message['role'],
    content: typeof content === 'string' ? [{ type: 'text', text: content }] : (content as Block[]),
  }))
  checkOrder(messages)
  checkThoughts(messages, body, options.takesForeign)
  checkOptions(body, options.model)
  return messages
}

function checkOrder(messages: readonly Message[]): void {
  const used = new Set<string>()
  messages.forEach(({ role, content }, at) => {
    if (role !== (at % 2 === 0 ? 'user' : 'assistant'))
      throw new Refusal(`messages.${at}`, 'roles must alternate, and the user begins')
    const calls = role === 'user' ? (messages[at - 1]?.content ?? []).filter(isCall) : []
    checkResults(content, calls, `messages.${at}`)
    for (const { id } of content.filter(isCall)) {
      if (used.has(String(id))) throw new Refusal(`messages.${at}`, '`tool_use` ids must be unique')
      used.add(String(id))
    }
  })
  if (messages.at(-1)?.content.some(isCall))
    throw new Refusal('messages', '`tool_use` blocks must be followed by their results')
}

function checkResults(content: readonly Block[], calls: readonly Block[], path: string): void {
  const results = content.filter(({ type }) => type === 'tool_result')
  const last = content.findLastIndex(({ type }) => type === 'tool_result')
  if (last >= results.length)
    throw new Refusal(path, '`tool_result` blocks must come before everything else')
  const open = new Map(calls.map((call) => [call['id'], call]))
  for (const result of results) {
    const call = open.get(result['tool_use_id'])
    if (!call || !open.delete(result['tool_use_id']))
      throw new Refusal(path, 'unexpected `tool_use_id` in a `tool_result` block')
    if (
      !answers(
        String(call['name']),
        call['input'] as Fields,
        JSON.stringify(result['content'] ?? ''),
      )
    )
      throw new Refusal(path, `the result of another call came for ${call['id']}`)
  }
  if (open.size > 0)
    throw new Refusal(path, '`tool_use` ids were found without `tool_result` blocks after them')
}

export const isCall = ({ type }: Block): boolean => type === 'tool_use'

/** Thoughts come back as they were; and where calls are under way, those that led to them must. */
function checkThoughts(messages: readonly Message[], body: Fields, takesForeign: boolean): void {
  for (const { content } of messages)
    for (const { type, thinking, signature } of content)
      if (type === 'thinking' && signature !== sign('anthropic', String(thinking)))
        throw new Refusal('messages', 'Invalid `signature` in `thinking` block')
  const [before, last] = messages.slice(-2)
  // Those without a budget take calls without thoughts, which are then another provider's.
  const isFree = takesForeign && (body['thinking'] as Fields | undefined)?.['type'] === 'adaptive'
  if (!thinks(body) || isFree || !before?.content.some(isCall)) return
  const isAnswer = last?.content.some(({ type }) => type === 'tool_result')
  if (isAnswer && before.content[0]?.type !== 'thinking')
    throw new Refusal('messages', 'Expected `thinking`, but found another block: a thought is lost')
}

export const thinks = ({ thinking }: Fields): boolean =>
  ['enabled', 'adaptive'].includes(String((thinking as Fields | undefined)?.['type']))

function checkOptions(body: Fields, model: string): void {
  const { temperature, top_p: topP, tool_choice: chosen, thinking, tools } = body
  const kind = (thinking as Fields | undefined)?.['type']
  const forced = ['any', 'tool'].includes(String((chosen as Fields | undefined)?.['type']))
  const isNewest = /opus-4-7/.test(model)
  if (chosen !== undefined && tools === undefined)
    throw new Refusal('tool_choice', 'may only be specified while providing tools')
  if (thinks(body) && forced)
    throw new Refusal('thinking', 'may not be enabled when tool_choice forces tool use')
  if (thinks(body) && temperature !== undefined && temperature !== 1)
    throw new Refusal('temperature', 'may only be set to 1 when thinking is enabled')
  const budget = (thinking as Fields | undefined)?.['budget_tokens']
  if (typeof budget === 'number' && budget >= Number(body['max_tokens']))
    throw new Refusal('thinking.budget_tokens', 'must be less than `max_tokens`')
  if (kind === (isNewest ? 'enabled' : 'adaptive'))
    throw new Refusal('thinking.type', `"${kind}" is not supported for this model`)
  const isSet = (value: unknown): boolean => value !== undefined && value !== 1
  if (isNewest && (isSet(temperature) || isSet(topP)))
    throw new Refusal('temperature', 'is not supported for this model')
  if (!isNewest && temperature !== undefined && topP !== undefined)
    throw new Refusal('temperature', 'and `top_p` cannot both be specified for this model')
}
