import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { type Gateway, type GatewayOptions, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'
import { type Books, readPostgresBooks, readSqliteBooks } from './read-books.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface GovernedOptions {
  /** By name; what each may do besides its name and value. */
  readonly keys: Readonly<Record<string, Fields>>
  readonly teams?: readonly Fields[]
  readonly customers?: readonly Fields[]
  /** Merged over the block of every provider; by default there is `up`. */
  readonly providers?: Readonly<Record<string, Fields>>
  readonly models?: Fields
  readonly prices?: Fields
  readonly server?: Fields
  readonly auth?: Fields
  /** Of a Postgres store; absent: a file of its own. */
  readonly storeUrl?: string
  readonly upstream?: Upstream
  readonly start?: Pick<GatewayOptions, 'entry' | 'env' | 'args'>
}

/** A token written costs a thousandth of a dollar, one read nothing. */
export const plainPrice = { input_per_million: 0, output_per_million: 1000 }
export const nanosPerToken = 1_000_000

/** A virtual key's value by its name. */
export const secretOf = (name: string): string =>
  `sk-bf-${Buffer.from(name.padEnd(16, '.').slice(0, 16))
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`

export interface Told {
  readonly status: number
  readonly code: string | null
  readonly callId: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** What a provider answers that used so many tokens, whole or as a stream. */
export function answered(stream: boolean, inputTokens: number, outputTokens: number): script.Steps {
  const usage = {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  }
  const base = { id: 'chatcmpl-1', created: 1, model: 'm' }
  if (!stream)
    return script.json(200, {
      ...base,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
      usage,
    })
  return script.sse([...words(3), closing, { ...base, object: kind, choices: [], usage }])
}

const kind = 'chat.completion.chunk'
const chunk = (delta: object, finish: string | null): object => ({
  ...{ id: 'chatcmpl-1', object: kind, created: 1, model: 'm' },
  choices: [{ index: 0, delta, finish_reason: finish }],
})
export const words = (count: number): object[] => [
  chunk({ role: 'assistant', content: '' }, null),
  ...Array.from({ length: count }, (_, i) => chunk({ content: `word${i} ` }, null)),
]
const closing = chunk({}, 'stop')

/** A gateway whose callers are limited, before a provider made of scripts. */
export async function openGoverned(options: GovernedOptions): Promise<Governed> {
  const upstream = options.upstream ?? (await startUpstream())
  try {
    const config = configFor(options, upstream.url)
    return new Governed(await startGateway({ config, ...options.start }), upstream, options)
  } catch (thrown) {
    await upstream.stop()
    throw thrown
  }
}

export function configFor(options: GovernedOptions, upstreamUrl: string): object {
  const { keys, providers = { up: {} }, server, auth, storeUrl } = options
  return {
    version: 1,
    server: { drain: { delay: '0s', grace: '10s' }, ...server },
    auth: { admin: { password: 'a-good-password' }, ...auth },
    ...(storeUrl && { store: { url: storeUrl } }),
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, fields]) => [
        name,
        {
          type: 'openai-compatible',
          base_url: `${upstreamUrl}/v1`,
          keys: [{ name: 'k1', value: `sk-${name}-k1-0123456789` }],
          retries: { base: '1ms', cap: '5ms' },
          ...fields,
        },
      ]),
    ),
    ...(options.models && { models: options.models }),
    ...(options.teams && { teams: options.teams }),
    ...(options.customers && { customers: options.customers }),
    virtual_keys: Object.entries(keys).map(([name, fields]) => ({
      ...{ name, value: secretOf(name) },
      ...fields,
    })),
    prices: options.prices ?? { 'up/m': plainPrice },
  }
}

interface Leaving {
  readonly bytes?: number
  readonly ms?: number
  readonly when?: Promise<unknown>
}

export class Governed implements AsyncDisposable {
  gateway: Gateway
  readonly upstream: Upstream
  readonly options: GovernedOptions
  #pool: Pool

  constructor(gateway: Gateway, upstream: Upstream, options: GovernedOptions) {
    this.gateway = gateway
    this.upstream = upstream
    this.options = options
    this.#pool = poolOf(gateway)
  }

  /** A whole call; a connection that breaks is status 0. */
  async call(key: string, fields: Fields = {}, headers: Fields = {}): Promise<Told> {
    try {
      const response = await this.#pool.request(requestOf(key, fields, headers))
      const text = await response.body.text()
      return toldBy(response.statusCode, response.headers, text)
    } catch (thrown) {
      const code = thrown instanceof Error ? thrown.message : String(thrown)
      return { status: 0, code, callId: '', headers: {}, text: '' }
    }
  }

  /** A call whose caller leaves: after so many bytes, after so many milliseconds, or when something has come about. */
  async leave(
    key: string,
    fields: Fields,
    { bytes: atMost = Number.POSITIVE_INFINITY, ms, when }: Leaving,
  ): Promise<void> {
    const leaving = new AbortController()
    const timer = ms === undefined ? null : setTimeout(() => leaving.abort(), ms)
    void when?.then(() => leaving.abort())
    try {
      const request = { ...requestOf(key, fields, {}), signal: leaving.signal }
      const { body } = await this.#pool.request(request)
      let bytes = 0
      for await (const part of body) {
        bytes += (part as Buffer).length
        if (bytes >= atMost) break
      }
    } catch {
      // Leaving is what it is for.
    } finally {
      if (timer) clearTimeout(timer)
    }
  }

  async send(method: 'GET' | 'POST' | 'DELETE', path: string, key: string): Promise<Told> {
    const headers = { authorization: `Bearer ${secretOf(key)}` }
    const { statusCode, headers: given, body } = await this.#pool.request({ method, path, headers })
    return toldBy(statusCode, given, await body.text())
  }

  async metric(name: string): Promise<number> {
    const { body } = await this.#pool.request({ method: 'GET', path: '/metrics' })
    const text = await body.text()
    const escaped = name.replace(/[{}"]/g, '\\$&')
    const found = new RegExp(`^${escaped} (\\S+)$`, 'm').exec(text)?.[1]
    return found === undefined ? Number.NaN : Number(found)
  }

  /** What stands in the store now. */
  books(): Promise<Books> {
    const { storeUrl } = this.options
    if (storeUrl) return readPostgresBooks(storeUrl)
    return Promise.resolve(readSqliteBooks(`${this.gateway.dataDir}/sluice.db`))
  }

  /** The same once it is as it should be: lines are written a moment after their calls. */
  /** Nothing is under way, and no line waits: by the count of lines alone one that is expected by nobody stands for another. */
  async untilWritten(limitMs = 10_000): Promise<void> {
    const endAt = performance.now() + limitMs
    for (const name of ['sluice_inflight_requests', 'sluice_ledger_waiting'])
      while ((await this.metric(name)) > 0) {
        if (performance.now() > endAt) throw new Error(`${name} never came to 0`)
        await sleep(25)
      }
  }

  async booksWhen(isSo: (books: Books) => boolean, limitMs = 10_000): Promise<Books> {
    const endAt = performance.now() + limitMs
    for (;;) {
      const books = await this.books()
      if (isSo(books)) return books
      if (performance.now() > endAt)
        throw new Error(`the books never got there: ${JSON.stringify(books).slice(0, 2000)}`)
      await sleep(25)
    }
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    process.kill(this.gateway.pid, signal)
    await this.gateway.exited
    await this.#pool.destroy()
  }

  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.gateway = await this.gateway.restart({ env: { ...this.options.start?.env, ...env } })
    this.#pool = poolOf(this.gateway)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
    await this.gateway.stop('SIGINT').finally(() => this.upstream.stop())
  }
}

const poolOf = ({ url }: Gateway): Pool =>
  new Pool(url, { connections: 1500, headersTimeout: 60_000, bodyTimeout: 60_000 })

function requestOf(key: string, fields: Fields, headers: Fields) {
  const messages = [{ role: 'user', content: 'one two three' }]
  return {
    method: 'POST' as const,
    path: '/v1/chat/completions',
    headers: {
      'content-type': 'application/json',
      ...(key && { authorization: `Bearer ${secretOf(key)}` }),
      ...(headers as Record<string, string>),
    },
    body: JSON.stringify({ model: 'up/m', messages, ...fields }),
  }
}

const toldBy = (status: number, headers: Told['headers'], text: string): Told => ({
  status,
  code: /"error":\{.*?"code":"([^"]+)"/.exec(text)?.[1] ?? null,
  callId: String(headers['x-sluice-call-id'] ?? ''),
  headers,
  text,
})

/** How often each answer was seen: `200`, `402 budget_exceeded`, … */
export const tally = (all: readonly Told[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { status, code } of all) {
    const name = code === null ? String(status) : `${status} ${code}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** So many at once. */
export const together = <T>(count: number, one: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => one(index)))
