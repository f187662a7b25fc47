import { answers, sign } from './conversation.ts'
import {
  anyObject,
  base64,
  count,
  either,
  type Fields,
  flag,
  jsonText,
  list,
  literal,
  number,
  object,
  objectSchema,
  oneMember,
  Refusal,
  text,
  variant,
  words,
} from './shapes.ts'

const id = text(/^[a-zA-Z0-9_-]{1,64}$/)
const image = object({
  format: literal('png', 'jpeg', 'gif', 'webp'),
  source: oneMember({ bytes: base64, s3Location: anyObject }),
})
const userBlock = oneMember({
  text: words,
  image,
  toolResult: object(
    { toolUseId: id, content: list(oneMember({ text: words, json: anyObject, image })) },
    { status: literal('success', 'error') },
  ),
})
const assistantBlock = oneMember({
  text: words,
  toolUse: object({ toolUseId: id, name: text(/^[a-zA-Z0-9_-]+$/), input: anyObject }),
  reasoningContent: oneMember({
    reasoningText: object({ text: text(), signature: text() }),
    redactedContent: base64,
  }),
})
const bodyShape = object(
  {
    messages: list(
      variant('role', {
        user: object({ role: text(), content: list(userBlock) }),
        assistant: object({ role: text(), content: list(assistantBlock) }),
      }),
    ),
  },
  {
    system: list(object({ text: words })),
    inferenceConfig: object(
      {},
      {
        maxTokens: count(1),
        temperature: number(0, 1),
        topP: number(0, 1),
        stopSequences: list(text()),
      },
    ),
    toolConfig: object(
      {
        tools: list(
          oneMember({
            toolSpec: object(
              { name: text(/^[a-zA-Z0-9_-]+$/), inputSchema: object({ json: objectSchema }) },
              { description: text(), strict: flag },
            ),
            cachePoint: anyObject,
          }),
        ),
      },
      {
        toolChoice: oneMember({
          auto: object({}),
          any: object({}),
          tool: object({ name: text() }),
        }),
      },
    ),
    outputConfig: object(
      {},
      {
        textFormat: object({
          type: literal('json_schema'),
          structure: object({
            jsonSchema: object(
              { schema: jsonText(objectSchema) },
              { name: text(), description: text() },
            ),
          }),
        }),
        effort: literal('low', 'medium', 'high', 'max'),
      },
    ),
    additionalModelRequestFields: object(
      {},
      {
        thinking: either(object({ type: literal('enabled'), budget_tokens: count(1024) })),
        reasoningConfig: anyObject,
        top_k: count(1),
      },
    ),
    requestMetadata: anyObject,
    serviceTier: object({ type: literal('default', 'flex', 'priority', 'reserved') }),
  },
)

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: readonly Fields[]
}

export const toolUseOf = (block: Fields): Fields | undefined =>
  block['toolUse'] as Fields | undefined
export const toolResultOf = (block: Fields): Fields | undefined =>
  block['toolResult'] as Fields | undefined

/** Throws a `Refusal`. */
export function checkBedrockRequest(body: Fields): readonly Message[] {
  bodyShape(body, 'body')
  const messages = body['messages'] as readonly Message[]
  let hasTools = false
  messages.forEach(({ role, content }, at) => {
    if (role !== (at % 2 === 0 ? 'user' : 'assistant'))
      throw new Refusal(`messages.${at}`, 'roles must alternate, and the user begins')
    const calls = (messages[at - 1]?.content ?? []).map(toolUseOf).filter((each) => each)
    if (role === 'user') checkResults(content, calls as Fields[], at)
    hasTools ||= content.some((block) => toolUseOf(block) ?? toolResultOf(block))
    checkSignatures(content)
  })
  if (hasTools && body['toolConfig'] === undefined)
    throw new Refusal('toolConfig', 'must be defined when using toolUse and toolResult blocks')
  checkThinking(body, messages)
  return messages
}

function checkResults(content: readonly Fields[], calls: readonly Fields[], at: number): void {
  const open = new Map(calls.map((call) => [call['toolUseId'], call]))
  for (const result of content.map(toolResultOf)) {
    if (!result) continue
    const call = open.get(result['toolUseId'])
    if (!call || !open.delete(result['toolUseId']))
      throw new Refusal(`messages.${at}`, 'toolResult blocks exceed the toolUse blocks before them')
    const { name, input } = call
    if (!answers(String(name), input as Fields, JSON.stringify(result['content'])))
      throw new Refusal(
        `messages.${at}`,
        `the result of another call came for ${call['toolUseId']}`,
      )
  }
  if (open.size > 0)
    throw new Refusal(`messages.${at}`, `Expected toolResult blocks for ${[...open.keys()]}`)
}

const thoughtOf = (block: Fields): Fields | undefined =>
  block['reasoningContent'] as Fields | undefined

function checkSignatures(content: readonly Fields[]): void {
  for (const thought of content.map(thoughtOf)) {
    const said = thought?.['reasoningText'] as Fields | undefined
    if (said && said['signature'] !== sign('bedrock', String(said['text'])))
      throw new Refusal('messages', 'Invalid `signature` in `thinking` block')
  }
}

export const thinks = (body: Fields): boolean =>
  (body['additionalModelRequestFields'] as Fields | undefined)?.['thinking'] !== undefined

function checkThinking(body: Fields, messages: readonly Message[]): void {
  if (!thinks(body)) return
  const choice = (body['toolConfig'] as Fields | undefined)?.['toolChoice'] as Fields | undefined
  if (choice && !('auto' in choice))
    throw new Refusal('toolChoice', 'Thinking may not be enabled when it forces tool use')
  const [before, last] = messages.slice(-2)
  const isAnswer = last?.content.some((block) => toolResultOf(block))
  if (isAnswer && before?.content[0]?.['reasoningContent'] === undefined)
    throw new Refusal('messages', 'Expected `thinking`, but found another block: a thought is lost')
}
