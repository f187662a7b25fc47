import type OpenAI from 'openai'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources'

/** How an answer is asked for. */
export const ways = ['plain', 'raw stream', 'stream helper'] as const
export type Way = (typeof ways)[number]

export interface Answer {
  /** As it goes back with the next turn, members that OpenAI does not know included. */
  readonly message: ChatCompletion['choices'][number]['message'] & {
    readonly reasoning_content?: string
  }
  readonly finish: string | null
  readonly model: string
  readonly usage: ChatCompletion['usage']
  /** Null where the client does not show them. */
  readonly headers: Headers | null
}

export type Body = Omit<ChatCompletionCreateParamsNonStreaming, 'stream'>

export async function askFor(client: OpenAI, way: Way, body: Body): Promise<Answer> {
  const stream_options = { include_usage: true }
  if (way === 'stream helper') {
    const runner = client.chat.completions.stream({ ...body, stream_options })
    return { ...answerOf(await runner.finalChatCompletion()), headers: null }
  }
  if (way === 'plain') {
    const { data, response } = await client.chat.completions.create(body).withResponse()
    return { ...answerOf(data), headers: response.headers }
  }
  const streamed = { ...body, stream: true as const, stream_options }
  const { data, response } = await client.chat.completions.create(streamed).withResponse()
  const chunks: ChatCompletionChunk[] = []
  for await (const chunk of data) chunks.push(chunk)
  return { ...answerOf(assemble(chunks)), headers: response.headers }
}

function answerOf({ choices, model, usage }: ChatCompletion) {
  const [choice] = choices
  if (!choice || choices.length > 1) throw new Error(`${choices.length} choices came`)
  return { message: choice.message, finish: choice.finish_reason, model, usage }
}

type Members = Record<string, unknown>

/** What a careful client makes of chunks: text is joined, lists grow, calls are told apart by their index. */
function assemble(chunks: readonly ChatCompletionChunk[]): ChatCompletion {
  const ids = new Set(chunks.map(({ id }) => id))
  if (ids.size !== 1) throw new Error(`the chunks have ${ids.size} ids`)
  const message: Members = { role: 'assistant', content: null }
  const calls: Members[] = []
  const finishes: string[] = []
  let usage: unknown
  for (const chunk of chunks) {
    if (usage) throw new Error('something came after the usage')
    usage = chunk.usage ?? undefined
    for (const { delta, finish_reason: finish } of chunk.choices) {
      if (finish) finishes.push(finish)
      const { tool_calls: pieces = [], role: _role, ...rest } = delta
      merge(message, rest as Members)
      for (const { index, ...piece } of pieces) {
        calls[index] ??= {}
        merge(calls[index], piece as Members)
      }
    }
  }
  if (finishes.length !== 1) throw new Error(`${finishes.length} finish reasons came`)
  if (calls.length > 0) message['tool_calls'] = calls
  return {
    ...(chunks[0] as unknown as ChatCompletion),
    choices: [{ index: 0, message, finish_reason: finishes[0], logprobs: null }],
    usage,
  } as unknown as ChatCompletion
}

const whole = new Set(['id', 'type', 'name', 'format'])

function merge(target: Members, piece: Members): void {
  for (const [name, value] of Object.entries(piece)) {
    const had = target[name]
    if (value === null || value === undefined) target[name] ??= null
    else if (typeof value === 'string' && !whole.has(name)) target[name] = `${had ?? ''}${value}`
    else if (Array.isArray(value)) target[name] = [...((had ?? []) as unknown[]), ...value]
    else if (typeof value === 'object') {
      const inner = (had ?? {}) as Members
      merge(inner, value as Members)
      target[name] = inner
    } else target[name] = value
  }
}

/** A message as a client hands it back. */
export const sayAgain = ({ message }: Answer): ChatCompletionMessageParam =>
  message as unknown as ChatCompletionMessageParam
