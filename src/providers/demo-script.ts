// How an offline answer looks on OpenAI's wire, as bytes and pauses. It makes them only; who plays the script waits.

export interface DemoScript {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `afterMs` counts from the frame before, for the first from the request. Headers are due with the first frame. */
  readonly frames: readonly DemoFrame[]
  /** `end` closes properly, `cut` drops the connection, `stall` keeps it open and silent. */
  readonly end: 'end' | 'cut' | 'stall'
}

interface DemoFrame {
  readonly afterMs: number
  readonly bytes: Uint8Array
}

export interface DemoAnswer {
  readonly id: string
  /** Seconds since 1970, as on the wire. */
  readonly createdAt: number
  readonly model: string
  readonly choices: readonly DemoChoice[]
  readonly promptTokens: number
  readonly firstAfterMs: number
  /** The pause before each token of a stream. */
  readonly tokenMs: number
  readonly end: DemoScript['end']
}

export interface DemoChoice {
  /** Null where the answer is tool calls. */
  readonly content: string | null
  readonly toolCalls: readonly DemoToolCall[]
  readonly finishReason: 'stop' | 'length' | 'tool_calls'
}

export interface DemoToolCall {
  readonly id: string
  readonly kind: 'function' | 'custom'
  readonly name: string
  /** JSON text of a function's arguments, or the input of a custom tool. */
  readonly input: string
}

interface DemoError {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

const encoder = new TextEncoder()

/** Words with the space before them, long ones in pieces of eight: an estimate, but always the same. */
export function splitTokens(text: string): readonly string[] {
  return text.match(/\s*\S{1,8}|\s+$/gu) ?? []
}

export function countTokens(text: string): number {
  let tokens = 0
  // One at a time: a prompt may be many megabytes, and a list of its words many times that.
  for (const _ of text.matchAll(/\s*\S{1,8}|\s+$/gu)) tokens++
  return tokens
}

export function wholeScript(answer: DemoAnswer): DemoScript {
  const bytes = encoder.encode(
    JSON.stringify({
      id: answer.id,
      object: 'chat.completion',
      created: answer.createdAt,
      model: answer.model,
      choices: answer.choices.map((choice, index) => ({
        index,
        message: {
          role: 'assistant',
          content: choice.content,
          ...(choice.toolCalls.length > 0 && { tool_calls: choice.toolCalls.map(wireCall) }),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: choice.finishReason,
      })),
      usage: usageOf(answer),
      service_tier: 'default',
      system_fingerprint: 'fp_demo',
    }),
  )
  const kept = answer.end === 'end' ? bytes : bytes.subarray(0, bytes.length >> 1)
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    frames: [{ afterMs: answer.firstAfterMs, bytes: kept }],
    end: answer.end,
  }
}

export function streamScript(answer: DemoAnswer, includeUsage: boolean): DemoScript {
  const head = {
    id: answer.id,
    object: 'chat.completion.chunk',
    created: answer.createdAt,
    model: answer.model,
    service_tier: 'default',
    system_fingerprint: 'fp_demo',
  }
  // OpenAI writes `usage: null` in the other chunks only where the usage was asked for.
  const event = (choices: readonly object[], usage: object | null = null) =>
    encoder.encode(
      `data: ${JSON.stringify({ ...head, choices, ...(includeUsage && { usage }) })}\n\n`,
    )
  const frames: DemoFrame[] = chunksOf(answer).map(({ afterMs, choice }, index) => ({
    afterMs: index === 0 ? answer.firstAfterMs : afterMs,
    bytes: event([choice]),
  }))
  if (includeUsage) frames.push({ afterMs: 0, bytes: event([], usageOf(answer)) })
  frames.push({ afterMs: 0, bytes: encoder.encode('data: [DONE]\n\n') })
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    frames: answer.end === 'end' ? frames : frames.slice(0, frames.length >> 1),
    end: answer.end,
  }
}

export function errorScript(status: number, error: DemoError): DemoScript {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    frames: [{ afterMs: 0, bytes: encoder.encode(JSON.stringify({ error })) }],
    end: 'end',
  }
}

interface Chunk {
  readonly afterMs: number
  readonly choice: object
}

/** Several choices take turns, as they do on the real wire. */
function chunksOf(answer: DemoAnswer): readonly Chunk[] {
  const rows = answer.choices.map((choice) => deltasOf(choice))
  const longest = Math.max(...rows.map((row) => row.length))
  const chunks: Chunk[] = []
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, row] of rows.entries()) {
      const delta = row[turn]
      if (delta === undefined) continue
      const last = turn === row.length - 1
      const finish = last ? (answer.choices[index]?.finishReason ?? null) : null
      chunks.push({
        afterMs: turn === 0 || last ? 0 : answer.tokenMs,
        choice: { index, delta, logprobs: null, finish_reason: finish },
      })
    }
  }
  return chunks
}

function deltasOf(choice: DemoChoice): readonly object[] {
  const calls = choice.toolCalls.flatMap((call, index) => [
    { tool_calls: [{ index, ...wireCall({ ...call, input: '' }) }] },
    ...splitTokens(call.input).map((piece) => ({
      tool_calls: [
        {
          index,
          ...(call.kind === 'function'
            ? { function: { arguments: piece } }
            : { custom: { input: piece } }),
        },
      ],
    })),
  ])
  return [
    { role: 'assistant', content: choice.content === null ? null : '', refusal: null },
    ...splitTokens(choice.content ?? '').map((content) => ({ content })),
    ...calls,
    {},
  ]
}

function wireCall(call: DemoToolCall): object {
  return call.kind === 'function'
    ? { id: call.id, type: 'function', function: { name: call.name, arguments: call.input } }
    : { id: call.id, type: 'custom', custom: { name: call.name, input: call.input } }
}

function usageOf(answer: DemoAnswer): object {
  let written = 0
  for (const choice of answer.choices) {
    written += countTokens(choice.content ?? '')
    for (const call of choice.toolCalls) written += countTokens(call.input)
  }
  return {
    prompt_tokens: answer.promptTokens,
    completion_tokens: written,
    total_tokens: answer.promptTokens + written,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
