import { answers, speak } from './conversation.ts'
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
  Refusal,
  type Shape,
  text,
  variant,
} from './shapes.ts'

const textPart = object({ type: literal('text'), text: text() })
const dataUrl: Shape = (value, path) => {
  const found = /^(?:https:.+|data:image\/[a-z]+;base64,(.+))$/s.exec(String(value))
  if (!found) throw new Refusal(path, 'is neither a link nor data')
  if (found[1] !== undefined) base64(found[1], path)
}
const imagePart = object({
  type: literal('image_url'),
  image_url: object({ url: dataUrl }, { detail: literal('auto', 'low', 'high') }),
})
const thinkingPart = object({ type: literal('thinking'), thinking: text() })
const call = object({
  id: text(),
  type: literal('function'),
  function: object({ name: text(), arguments: jsonText(anyObject) }),
})
const message = variant('role', {
  system: object({ role: text(), content: either(text(), list(textPart)) }),
  user: object({
    role: text(),
    content: either(text(), list(variant('type', { text: textPart, image_url: imagePart }))),
  }),
  assistant: object(
    { role: text() },
    {
      content: either(text(), list(variant('type', { text: textPart, thinking: thinkingPart }))),
      tool_plan: text(),
      tool_calls: list(call),
    },
  ),
  tool: object({
    role: text(),
    tool_call_id: text(),
    content: either(
      text(),
      list(
        variant('type', {
          text: textPart,
          document: object({ type: text(), document: anyObject }),
        }),
      ),
    ),
  }),
})
const bodyShape = object(
  { model: text(), messages: list(message) },
  {
    stream: flag,
    tools: list(
      object({
        type: literal('function'),
        function: object({ name: text(), parameters: objectSchema }, { description: text() }),
      }),
    ),
    strict_tools: flag,
    tool_choice: literal('REQUIRED', 'NONE'),
    response_format: object(
      { type: literal('text', 'json_object') },
      { json_schema: objectSchema },
    ),
    max_tokens: count(1),
    temperature: number(0, 1),
    p: number(0.01, 0.99),
    k: number(0, 500),
    seed: count(),
    stop_sequences: list(text()),
    frequency_penalty: number(0, 1),
    presence_penalty: number(0, 1),
    logprobs: flag,
    thinking: object({ type: literal('enabled', 'disabled') }, { token_budget: count(1) }),
    documents: list(anyObject),
    citation_options: anyObject,
    safety_mode: literal('CONTEXTUAL', 'STRICT', 'OFF'),
    priority: count(),
  },
)

export interface Message extends Fields {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
}

export const callsOf = (message: Message | undefined): readonly Fields[] =>
  (message?.['tool_calls'] ?? []) as readonly Fields[]

export const thinks = ({ thinking }: Fields): boolean =>
  (thinking as Fields | undefined)?.['type'] === 'enabled'

/** Throws a `Refusal`. `takesForeign`: calls may come back without their thoughts. */
export function checkCohereRequest(body: Fields, takesForeign: boolean): readonly Message[] {
  bodyShape(body, 'body')
  const messages = body['messages'] as readonly Message[]
  messages.forEach((each, at) => {
    if (each.role === 'assistant') checkAssistant(each, messages.slice(at + 1), at)
    if (each.role === 'tool' && !['assistant', 'tool'].includes(messages[at - 1]?.role ?? ''))
      throw new Refusal(`messages.${at}`, 'a tool message must follow an assistant message')
  })
  const { tools, response_format: format, tool_choice: choice } = body
  if (tools !== undefined && (format as Fields | undefined)?.['type'] === 'json_object')
    throw new Refusal('response_format', 'is not supported with tools')
  if (choice !== undefined && tools === undefined)
    throw new Refusal('tool_choice', 'may only be specified with tools')
  if (thinks(body) && !takesForeign) checkThoughts(messages)
  return messages
}

function checkAssistant(message: Message, after: readonly Message[], at: number): void {
  const calls = callsOf(message)
  const { content } = message
  if (calls.length === 0) {
    if (content === undefined) throw new Refusal(`messages.${at}`, 'must have content or calls')
    return
  }
  if (typeof content === 'string')
    throw new Refusal(`messages.${at}.content`, 'beside tool calls only thinking may stand')
  const open = new Map(calls.map((each) => [each['id'], each['function'] as Fields]))
  for (const { role, tool_call_id: id, content: result } of after) {
    if (role !== 'tool') break
    const called = open.get(id)
    if (!called || !open.delete(id))
      throw new Refusal('messages', `no tool call before has the id ${id}`)
    const input = JSON.parse(String(called['arguments']))
    if (!answers(String(called['name']), input, JSON.stringify(result)))
      throw new Refusal('messages', `the result of another call came for ${id}`)
  }
  if (open.size > 0) throw new Refusal('messages', `no result for ${[...open.keys()]}`)
}

/** The model goes on from its thoughts only where they come back with the calls. */
function checkThoughts(messages: readonly Message[]): void {
  const assistant = messages.findLast(({ role }) => role === 'assistant')
  const called = callsOf(assistant).map((each) => (each['function'] as Fields)['name'])
  if (called.length === 0 || messages.at(-1)?.role !== 'tool') return
  const { thought } = speak({
    model: '',
    isStream: false,
    thinks: true,
    answered: called.includes('pack') ? ['get_weather'] : [],
    hasImage: false,
    wantsForm: false,
    tools: ['get_weather'],
  })
  const parts = (assistant?.['content'] ?? []) as readonly Fields[]
  if (parts[0]?.['thinking'] !== thought) throw new Refusal('messages', 'a thought is lost')
}
