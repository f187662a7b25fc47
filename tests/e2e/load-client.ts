import { Pool } from 'undici'
import { quantile } from '../../bench/statistics.ts'

export interface Outcome {
  readonly status: number
  /** The error's code, from a body or from a frame; null where all went well. */
  readonly code: string | null
  /** A plain reply that is whole, or a stream that ended with `[DONE]`. */
  readonly isWhole: boolean
  readonly ms: number
  /** Dispatches the gateway began for it. */
  readonly attempts: number
  /** As the reply itself says. */
  readonly tokens: number
}

/** Calls the gateway as an SDK would, without repeating anything, over connections that are kept. */
export class LoadClient implements AsyncDisposable {
  readonly #pool: Pool

  constructor(origin: string, connections = 100) {
    this.#pool = new Pool(origin, { connections, headersTimeout: 30_000, bodyTimeout: 30_000 })
  }

  /** Never rejects: a connection that breaks is status 0 with the reason as code. */
  async call(model: string, stream = false): Promise<Outcome> {
    const began = performance.now()
    const messages = [{ role: 'user', content: 'one two three' }]
    const usage = stream ? { stream_options: { include_usage: true } } : {}
    let status = 0
    let attempts = 0
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages, stream, ...usage }),
      })
      status = response.statusCode
      attempts = Number(response.headers['x-sluice-attempts'] ?? 0)
      const text = await response.body.text()
      return { status, attempts, ms: performance.now() - began, ...read(text, status, stream) }
    } catch (thrown) {
      const code = thrown instanceof Error ? (codeOf(thrown) ?? thrown.message) : String(thrown)
      const ms = performance.now() - began
      return { status, attempts, ms, code, isWhole: false, tokens: 0 }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close()
  }
}

const codeOf = (error: Error): string | undefined =>
  'code' in error && typeof error.code === 'string' ? error.code : undefined

function read(text: string, status: number, stream: boolean) {
  const code = /"error":\{.*?"code":"([^"]+)"/.exec(text)?.[1] ?? null
  const tokens = Number(/"total_tokens":(\d+)/.exec(text)?.[1] ?? 0)
  const isEnded = stream ? text.endsWith('data: [DONE]\n\n') : text.endsWith('}')
  return { code, tokens, isWhole: status === 200 && code === null && isEnded }
}

/** Runs `count` calls, so many `together`, and gathers what came of them. */
export async function runCalls(
  count: number,
  together: number,
  call: (index: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) outcomes.push(await call(next++))
  }
  await Promise.all(Array.from({ length: together }, worker))
  return outcomes
}

/** How often each kind of failure was seen. */
function countFailures(outcomes: readonly Outcome[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { isWhole, status, code } of outcomes) {
    if (isWhole) continue
    const name = `${status} ${code ?? 'not whole'}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

export const describeFailures = (outcomes: readonly Outcome[]): string =>
  [...countFailures(outcomes)].map(([name, count]) => `${count} x ${name}`).join(', ') || 'none'

/** Milliseconds that a share of the calls took at most; the share is from 0 to 1. */
export const quantileMs = (outcomes: readonly Outcome[], share: number): number =>
  quantile(
    outcomes.map(({ ms }) => ms),
    share,
  )
