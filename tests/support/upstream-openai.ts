import { sampleJson } from './sample-json.ts'
import type { SeenRequest } from './upstream-request.ts'
import { json, type Steps, sse } from './upstream-script.ts'

type Fields = Readonly<Record<string, unknown>>

interface Answer {
  readonly content: string | null
  readonly calls: readonly { readonly id: string; readonly name: string; readonly text: string }[]
  readonly finish: 'stop' | 'length' | 'tool_calls'
  readonly usage: Fields
}

/**
 * A well-behaved OpenAI, or Azure OpenAI below `/openai/`. It repeats the last user message, calls the
 * first offered tool, fills a given JSON schema; tokens are words. Any key is good.
 */
export function openaiReply(request: SeenRequest): Steps {
  const azure = request.pathname.startsWith('/openai/')
  if (request.method === 'GET' && request.pathname.endsWith('/models'))
    return json(200, { object: 'list', data: models }, headersOf(request, azure))
  const refusal = refuse(request)
  if (refusal) return json(refusal.status, refusal.body, headersOf(request, azure))
  const answer = compose(request)
  if (request.field('stream') !== true)
    return json(200, completion(request, answer, azure), headersOf(request, azure))
  return sse(streamChunks(request, answer, azure), { headers: headersOf(request, azure) })
}

const models = ['gpt-4o', 'gpt-4o-mini'].map((id) => ({
  id,
  object: 'model',
  created: 1_715_367_049,
  owned_by: 'system',
}))

/** OpenAI's error envelope. */
export const openaiError = (
  message: string,
  fields: { type?: string; param?: string | null; code?: string | null } = {},
): { error: Fields } => ({
  error: {
    message,
    type: fields.type ?? 'invalid_request_error',
    param: fields.param ?? null,
    code: fields.code ?? null,
  },
})

function refuse(request: SeenRequest): { status: number; body: object } | undefined {
  if (!request.pathname.endsWith('/chat/completions')) {
    const message = `Invalid URL (${request.method} ${request.path})`
    return { status: 404, body: openaiError(message) }
  }
  if (request.method !== 'POST')
    return { status: 405, body: openaiError(`Not allowed to ${request.method} on this URL`) }
  if (request.deployment !== undefined && !request.query.get('api-version'))
    return { status: 404, body: { error: { code: '404', message: 'Resource not found' } } }
  if (typeof request.json !== 'object' || request.json === null)
    return { status: 400, body: openaiError('The body of the request is no JSON object.') }
  if (!request.model)
    return { status: 400, body: openaiError('you must provide a model parameter') }
  const messages = request.field('messages')
  if (messages === undefined) {
    const fields = { param: 'messages', code: 'missing_required_parameter' }
    return { status: 400, body: openaiError("Missing required parameter: 'messages'.", fields) }
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    const message = "Invalid 'messages': expected an array with at least one message."
    return { status: 400, body: openaiError(message, { param: 'messages', code: 'empty_array' }) }
  }
  return undefined
}

function headersOf(request: SeenRequest, azure: boolean): [string, string][] {
  const number = String(request.number).padStart(32, '0')
  const shared: [string, string][] = [
    ['x-request-id', `req_${number}`],
    ['x-ratelimit-limit-requests', '10000'],
    ['x-ratelimit-limit-tokens', '2000000'],
    ['x-ratelimit-remaining-requests', '9999'],
    ['x-ratelimit-remaining-tokens', '1999984'],
    ['x-ratelimit-reset-requests', '6ms'],
    ['x-ratelimit-reset-tokens', '0s'],
  ]
  if (azure) return [...shared, ['apim-request-id', number], ['x-ms-region', 'Sweden Central']]
  return [
    ...shared,
    ['openai-processing-ms', '12'],
    ['openai-version', '2020-10-01'],
    ['openai-organization', 'org-upstream'],
    ['openai-project', 'proj_upstream'],
    ['set-cookie', '__cf_bm=upstream-cookie; path=/; HttpOnly; Secure'],
    ['set-cookie', '_cfuvid=upstream-visitor; path=/; HttpOnly; Secure'],
  ]
}

function compose(request: SeenRequest): Answer {
  const messages = request.field('messages') as readonly Fields[]
  const last = messages.at(-1)
  const tool = last?.['role'] === 'user' ? chooseTool(request) : undefined
  const format = request.field('response_format') as Fields | undefined
  const text =
    format?.['type'] === 'json_schema' || format?.['type'] === 'json_object'
      ? JSON.stringify(sampleJson((format['json_schema'] as Fields | undefined)?.['schema']))
      : `Echo: ${textOf(last).slice(0, 2_000)}`
  const limit = request.field('max_completion_tokens') ?? request.field('max_tokens')
  const words = pieces(text)
  const kept = typeof limit === 'number' && !tool ? words.slice(0, limit) : words
  return {
    content: tool ? null : kept.join(''),
    calls: tool ? [{ id: `call_${request.number}_0`, ...tool }] : [],
    finish: tool ? 'tool_calls' : kept.length < words.length ? 'length' : 'stop',
    usage: usageOf(messages, tool ? pieces(tool.text).length : kept.length, choiceCount(request)),
  }
}

function chooseTool(request: SeenRequest): { name: string; text: string } | undefined {
  const tools = request.field('tools')
  const choice = request.field('tool_choice') as Fields | string | undefined
  if (!Array.isArray(tools) || choice === 'none') return undefined
  const wanted = typeof choice === 'object' ? (choice['function'] as Fields)?.['name'] : undefined
  const functions = tools.map((tool: Fields) => tool['function'] as Fields | undefined)
  const chosen = functions.find((one) => one && (wanted === undefined || one['name'] === wanted))
  if (!chosen) return undefined
  return { name: String(chosen['name']), text: JSON.stringify(sampleJson(chosen['parameters'])) }
}

function textOf(message: Fields | undefined): string {
  const content = message?.['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: Fields) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join(' ')
}

/** The text in words, each with the space before it: one is one token. */
const pieces = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? []

function usageOf(messages: readonly Fields[], written: number, choices: number): Fields {
  const read = messages.reduce((sum, message) => sum + 3 + pieces(textOf(message)).length, 0)
  return {
    prompt_tokens: read,
    completion_tokens: written * choices,
    total_tokens: read + written * choices,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

function choiceCount(request: SeenRequest): number {
  const n = request.field('n')
  return typeof n === 'number' && n >= 1 ? Math.min(Math.floor(n), 128) : 1
}

const envelope = (request: SeenRequest, object: string): Fields => ({
  id: `chatcmpl-upstream-${request.number}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model: request.model,
  service_tier: 'default',
  system_fingerprint: 'fp_upstream',
})

const filtered = Object.fromEntries(
  ['hate', 'self_harm', 'sexual', 'violence'].map((kind) => [
    kind,
    { filtered: false, severity: 'safe' },
  ]),
)
const promptFilter = {
  prompt_filter_results: [{ prompt_index: 0, content_filter_results: filtered }],
}

function completion(request: SeenRequest, answer: Answer, azure: boolean): Fields {
  const calls = answer.calls.map(({ id, name, text }) => ({
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
  const message = {
    role: 'assistant',
    content: answer.content,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: null,
    annotations: [],
  }
  const choices = Array.from({ length: choiceCount(request) }, (_, index) => ({
    index,
    message,
    logprobs: null,
    finish_reason: answer.finish,
    ...(azure ? { content_filter_results: filtered } : {}),
  }))
  return {
    ...envelope(request, 'chat.completion'),
    choices,
    usage: answer.usage,
    ...(azure ? promptFilter : {}),
  }
}

function streamChunks(request: SeenRequest, answer: Answer, azure: boolean): object[] {
  const base = envelope(request, 'chat.completion.chunk')
  const options = request.field('stream_options') as Fields | null | undefined
  const withUsage = options?.['include_usage'] === true
  const chunk = (index: number, delta: Fields, finish: string | null = null): Fields => ({
    ...base,
    choices: [
      {
        index,
        delta,
        logprobs: null,
        finish_reason: finish,
        ...(azure ? { content_filter_results: delta['content'] ? filtered : {} } : {}),
      },
    ],
    ...(withUsage ? { usage: null } : {}),
  })
  const deltas = deltasOf(answer)
  const indexes = Array.from({ length: choiceCount(request) }, (_, index) => index)
  return [
    ...(azure ? [{ choices: [], created: 0, id: '', model: '', object: '', ...promptFilter }] : []),
    ...deltas.flatMap((delta) => indexes.map((index) => chunk(index, delta))),
    ...indexes.map((index) => chunk(index, {}, answer.finish)),
    ...(withUsage ? [{ ...base, choices: [], usage: answer.usage }] : []),
  ]
}

function deltasOf({ content, calls }: Answer): Fields[] {
  if (content !== null)
    return [
      { role: 'assistant', content: '', refusal: null },
      ...pieces(content).map((piece) => ({ content: piece })),
    ]
  return calls.flatMap(({ id, name, text }, index) => {
    const opening = { index, id, type: 'function', function: { name, arguments: '' } }
    const rest = text.match(/.{1,6}/gs) ?? []
    return [
      { role: 'assistant', content: null, tool_calls: [opening], refusal: null },
      ...rest.map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]
  })
}
