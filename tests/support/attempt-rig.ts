import type { ProviderKeyConfig, TimeoutsConfig } from '../../src/config/config.ts'
import type { Call } from '../../src/core/call.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { Timer } from '../../src/core/runtime.ts'
import type { Credential } from '../../src/credentials/credential.ts'
import { type Answer, UsageRefusals } from '../../src/gateway/attempt.ts'
import { runAttempts } from '../../src/gateway/attempts.ts'
import { type Hedging, runHedged } from '../../src/gateway/hedge.ts'
import { Health } from '../../src/routing/health.ts'
import type { PlannedTarget } from '../../src/routing/plan.ts'
import { type Load, newLoad } from '../../src/routing/retry-budget.ts'
import type { Endpoint } from '../../src/transport/transport.ts'
import { requestRules, scanJson } from '../../src/wire/json-scan.ts'
import { lookAtChat } from '../../src/wire/openai-chat/look.ts'
import { keyOf, snapshotOf, usualTimeouts } from '../faults/upstream/provider-fixture.ts'
import { anyMemory, noTranslator } from './any-memory.ts'
import { openBooks } from './books.ts'
import { type ManualClock, manualRuntime } from './manual-clock.ts'

/** A status with a body, or a failure of the network. */
export type Answered =
  | readonly [status: number, body?: object | string, headers?: Readonly<Record<string, string>>]
  | GatewayError
/** What a provider does with a request. */
export type Reply = Answered | { readonly afterMs: number; readonly reply: Answered } | 'silence'

export const good: Answered = [
  200,
  { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } },
]
export const fail = (status: number, headers = {}): Answered => [
  status,
  { error: { message: 'no' } },
  headers,
]
export const refused = new GatewayError('upstream_unreachable', 'refused', { dispatched: false })
export const reset = new GatewayError('upstream_unreachable', 'reset', { dispatched: true })
export const race = new GatewayError('upstream_unreachable', 'reset', {
  dispatched: true,
  reusedSocket: true,
})

interface Options {
  /** What `provider/key` answers, one after another; the last one again and again. */
  readonly replies: Readonly<Record<string, readonly Reply[]>>
  readonly keys?: readonly ProviderKeyConfig[]
  readonly retries?: number
  readonly stream?: boolean
  readonly providers?: readonly string[]
  readonly shared?: { readonly health: Health; readonly clock: ManualClock }
  readonly load?: Load
  /** Whether it is a job's run. */
  readonly job?: boolean
  readonly signal?: AbortSignal
  readonly timeouts?: Partial<TimeoutsConfig>
  readonly timeoutsOf?: Readonly<Record<string, Partial<TimeoutsConfig>>>
  /** What is known of second attempts; absent: none is made. */
  readonly hedging?: Hedging
  /** Lets the requests of every key in. */
  readonly credential?: Credential
}

interface Ran {
  readonly answer: Promise<Answer>
  /** `provider/key` of each request, with `!` where it wanted a new connection. */
  readonly sent: string[]
  /** The same for those that were given up. */
  readonly aborted: string[]
  readonly call: Call
  readonly clock: ManualClock
  readonly health: Health
}

/** One call against providers that answer as they are told. */
export function run({
  replies,
  keys,
  retries = 2,
  stream,
  providers = ['up'],
  shared,
  load = newLoad(),
  job = false,
  signal = new AbortController().signal,
  timeouts = {},
  timeoutsOf = {},
  hedging,
  credential,
}: Options): Ran {
  const runtime = { ...manualRuntime(shared?.clock), random: () => 0.5 }
  const sent: string[] = []
  const aborted: string[] = []
  const counts = new Map<string, number>()
  const endpointOf = (provider: string): Endpoint => ({
    send(request, handler) {
      const at = request.headers.indexOf('authorization')
      const key = (request.headers[at + 1] ?? '').replace('Bearer sk-secret-', '')
      const name = `${provider}/${key}`
      sent.push(name + (request.fresh ? '!' : ''))
      const list = replies[name] ?? replies[provider] ?? [good]
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      const reply = list[Math.min(count, list.length - 1)] as Reply
      let isOver = false
      const answer = (what: Answered): void => {
        if (isOver) return
        isOver = true
        if (what instanceof GatewayError) {
          handler.onFailure(what)
          return
        }
        const [status, body = '', headers = {}] = what
        handler.onHead(status, headers)
        handler.onData(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
        handler.onEnd()
      }
      let timer: Timer | null = null
      if (reply !== 'silence')
        if ('afterMs' in reply)
          timer = runtime.clock.timer(reply.afterMs, () => answer(reply.reply))
        else queueMicrotask(() => answer(reply))
      const abort = (): void => {
        timer?.cancel()
        if (!isOver) aborted.push(name)
        isOver = true
      }
      return { dispatched: true, abort, pause() {}, resume() {} }
    },
  })
  const health = shared?.health ?? new Health(runtime.clock, runtime.random)
  const keyed = keys ?? [keyOf('a', 'sk-secret-a')]
  const settings = { max: retries, baseMs: 250, capMs: 8000 }
  const compiled = snapshotOf({
    providers: providers.map((name) => ({
      ...{ name, keys: keyed, retries: settings },
      timeouts: { ...usualTimeouts, ...timeouts, ...timeoutsOf[name] },
    })),
    ...(credential && { credential }),
  })
  const snapshot = {
    ...compiled,
    providers: new Map(
      [...compiled.providers].map(([name, each]) => [
        name,
        { ...each, endpoint: endpointOf(name) },
      ]),
    ),
  }
  const bytes = Buffer.from(
    JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: 'x' }] }),
  )
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
  const call = {
    id: 'call',
    principal: null,
    release: null,
    holds: 0,
    attempts: [],
    usage: null,
    fallback: 0,
    dropped: [],
    client: null,
    content: 'off',
    startedMs: runtime.clock.monotonic(),
  } as unknown as Call
  const extras = { headers: null, apiVersion: null, pinnedKey: null, session: null }
  const plan: PlannedTarget[] = providers.map((provider, fallback) => ({
    target: { provider, model: 'm', weight: 1 },
    fallback,
  }))
  const run = job ? { beforeDispatch: async () => {} } : null
  const context = { call, look, extras, signal, run, hedge: false }
  const resilience = {
    runtime,
    health,
    refusals: new UsageRefusals(),
    books: openBooks(runtime.clock).books,
    memory: anyMemory,
    translator: noTranslator,
    load,
  }
  const answer = hedging
    ? runHedged(context, plan, () => 0.5, snapshot, resilience, hedging)
    : runAttempts(context, plan, () => 0.5, snapshot, resilience)
  answer.catch(() => undefined)
  return { answer, sent, aborted, call, clock: runtime.clock, health }
}

/** Lets every wait pass, and tells how it went: the answer's kind, or code and status. */
export async function outcome({ answer, clock }: Ran): Promise<string> {
  let told = ''
  const done = answer.then(
    ({ kind }) => {
      told = kind
    },
    (error: GatewayError) => {
      told = `${error.code} ${error.status}${error.facts.retried ? ' retried' : ''}`
    },
  )
  for (let step = 0; step < 400 && told === ''; step++) await clock.advance(250)
  await done
  return told
}

export const three = ['a', 'b', 'c'].map((name) => keyOf(name, `sk-secret-${name}`))
