import { countTokens } from './demo-script.ts'

/** What the offline models look at in a request, already of the right types. */
export interface DemoRequest {
  readonly model: string
  readonly lastUserText: string
  /** The results of tools, where the conversation ends with some. */
  readonly toolResults: readonly string[]
  /** Of every picture in the conversation: its media type, or `a link`. */
  readonly imageKinds: readonly string[]
  readonly promptTokens: number
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly maxTokens: number
  readonly stop: readonly string[]
  readonly choices: number
  readonly seed: number | null
  readonly tools: readonly DemoTool[]
  /** The names that may be called, and whether one must be. */
  readonly toolChoice: { readonly mode: string; readonly names: readonly string[] | null }
  readonly parallelToolCalls: boolean
  /** Null for plain text, else the JSON Schema the answer must satisfy. */
  readonly answerSchema: { readonly schema: unknown } | null
}

export interface DemoTool {
  readonly kind: 'function' | 'custom'
  readonly name: string
  readonly parameters: unknown
}

const tokensPerImage = 85
const tokensPerMessage = 4

/** Returns the name of the field at fault where the request cannot be answered. */
export function readDemoRequest(body: Uint8Array): DemoRequest | { readonly wrong: string | null } {
  const fields = parse(body)
  if (fields === null) return { wrong: null }
  const model = fields['model']
  if (typeof model !== 'string') return { wrong: 'model' }
  const messages = listOf(fields['messages']).filter(isRecord)
  if (messages.length === 0) return { wrong: 'messages' }
  const tools = listOf(fields['tools']).flatMap(readTool)
  const imageKinds = messages.flatMap((message) => imagesOf(message['content']))
  const format = recordOf(fields['response_format'])
  return {
    model,
    lastUserText: textOf(messages.findLast((message) => message['role'] === 'user')?.['content']),
    toolResults: messages
      .slice(messages.findLastIndex((message) => message['role'] !== 'tool') + 1)
      .map((message) => textOf(message['content'])),
    imageKinds,
    promptTokens: countPrompt(messages, tools) + imageKinds.length * tokensPerImage,
    stream: fields['stream'] === true,
    includeUsage: recordOf(fields['stream_options'])['include_usage'] === true,
    maxTokens: Math.min(limitOf(fields['max_tokens']), limitOf(fields['max_completion_tokens'])),
    stop: listOf(fields['stop']).filter(
      (text) => typeof text === 'string' && text !== '',
    ) as string[],
    choices: typeof fields['n'] === 'number' ? fields['n'] : 1,
    seed: Number.isInteger(fields['seed']) ? (fields['seed'] as number) : null,
    tools,
    toolChoice: readToolChoice(fields['tool_choice']),
    parallelToolCalls: fields['parallel_tool_calls'] !== false,
    answerSchema: answerSchemaOf(format),
  }
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return isRecord(value) ? value : null
  } catch {
    return null // the caller answers it as OpenAI does: 400
  }
}

function readTool(tool: unknown): readonly DemoTool[] {
  const { type, function: called, custom } = recordOf(tool)
  const kind = type === 'custom' ? 'custom' : 'function'
  const { name, parameters } = recordOf(kind === 'custom' ? custom : called)
  return typeof name === 'string' ? [{ kind, name, parameters: parameters ?? {} }] : []
}

function readToolChoice(choice: unknown): DemoRequest['toolChoice'] {
  if (typeof choice === 'string') return { mode: choice, names: null }
  if (!isRecord(choice)) return { mode: 'auto', names: null }
  if (choice['type'] === 'allowed_tools') {
    const allowed = recordOf(choice['allowed_tools'])
    return {
      mode: allowed['mode'] === 'required' ? 'required' : 'auto',
      names: listOf(allowed['tools'])
        .flatMap(readTool)
        .map((tool) => tool.name),
    }
  }
  return { mode: 'required', names: readTool(choice).map((tool) => tool.name) }
}

function answerSchemaOf(format: Readonly<Record<string, unknown>>): DemoRequest['answerSchema'] {
  if (format['type'] === 'json_object') return { schema: null }
  if (format['type'] !== 'json_schema') return null
  return { schema: recordOf(format['json_schema'])['schema'] ?? null }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return listOf(content)
    .map((part) => recordOf(part)['text'])
    .filter((text) => typeof text === 'string')
    .join(' ')
}

function imagesOf(content: unknown): readonly string[] {
  return listOf(content).flatMap((part) => {
    const image = recordOf(part)['image_url']
    const url = typeof image === 'string' ? image : recordOf(image)['url']
    if (typeof url !== 'string') return []
    return [/^data:([\w.+/-]{1,60})[;,]/.exec(url)?.[1] ?? 'a link']
  })
}

function countPrompt(
  messages: readonly Readonly<Record<string, unknown>>[],
  tools: readonly DemoTool[],
): number {
  let tokens = tools.length > 0 ? countTokens(JSON.stringify(tools)) : 0
  for (const message of messages)
    tokens += tokensPerMessage + countTokens(textOf(message['content']))
  return tokens
}

function limitOf(value: unknown): number {
  return typeof value === 'number' ? Math.max(0, value) : Number.POSITIVE_INFINITY
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
