import type { Attempt, AttemptHold, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import { type Nanos, nanosPerDollar } from '../core/money.ts'
import { costOf, type Price } from '../core/price.ts'
import type { Redactor } from '../core/redactor.ts'
import { lineOf, wayText } from '../store/ledger-line.ts'
import { budgetName } from '../store/ledger-rows.ts'
import type { LedgerLine, LedgerRow } from '../store/ledger-store.ts'

/**
 * Beyond what any call can come to: a provider that tells nonsense must not make a sum that nobody can count, nor a line
 * that no store takes.
 */
const atMost = { tokens: 1_000_000_000, nanos: 10_000 * nanosPerDollar }
type LedgerHold = Pick<AttemptHold, 'id' | 'price' | 'windows'> & { readonly way: string }

interface WayTarget {
  readonly provider: string
  readonly upstreamModel: string
  readonly key: string | null
}

const countable = (tokens: number | undefined): number => Math.min(tokens ?? 0, atMost.tokens)

/** What an attempt came to: what it cost, and its line. `way` is its part of the line; `at` is epoch ms. */
export function entryOf(
  call: Call,
  { id, price, windows, way }: LedgerHold,
  role: Attempt['role'],
  usage: Usage | null,
  outcome: LedgerRow['outcome'],
  at: number,
): { readonly costNanos: Nanos | null; readonly line: LedgerLine } {
  // What used nothing cost nothing, whether or not there is a price.
  const costNanos =
    usage === null ? 0 : price === null ? null : Math.min(costOf(usage, price), atMost.nanos)
  const row = {
    id,
    callId: call.id,
    at,
    outcome,
    role,
    form: call.job ? ('job' as const) : call.stream ? ('stream' as const) : ('plain' as const),
    inputTokens: countable(usage?.inputTokens),
    outputTokens: countable(usage?.outputTokens),
    cachedInputTokens: countable(usage?.cachedInputTokens),
    cacheWriteTokens: countable(usage?.cacheWriteTokens),
    reasoningTokens: countable(usage?.reasoningTokens),
    audioInputTokens: countable(usage?.audioInputTokens),
    audioOutputTokens: countable(usage?.audioOutputTokens),
    estimated: usage?.estimated ?? false,
    costNanos,
  }
  return { costNanos, line: lineOf(way, row, chargesText(windows, costNanos ?? 0)) }
}

function chargesText(windows: AttemptHold['windows'], nanos: Nanos): string {
  if (nanos === 0 || windows.length === 0) return '{}'
  const charges = windows.map((window) => `${JSON.stringify(budgetName(window))}:${nanos}`)
  return `{${charges.join(',')}}`
}

/** A note that takes back the ones before it. The id alone: there is nothing else to say. */
export const noteOfNothing = (id: string): string => JSON.stringify([id])

const nobody = {}
const waysAtMost = 1000

/** The part of a line that says who asks whom: the same with most calls, so it is made once. */
export class LedgerWays {
  readonly #redact: () => Redactor
  #redactor: Redactor | null = null
  #known = new WeakMap<object, Map<string, string>>()

  /** Whatever a caller asks for may be a secret by mistake. */
  constructor(redact: () => Redactor) {
    this.#redact = redact
  }

  of({ principal, asked }: Call, target: WayTarget, price: Price | null): string {
    const { provider, upstreamModel, key } = target
    const redact = this.#redact()
    if (redact !== this.#redactor) this.#known = new WeakMap()
    this.#redactor = redact
    const source = price?.source ?? ''
    const name = `${asked}\0${provider}\0${upstreamModel}\0${key}\0${source}`
    const known = this.#knownOf(principal ?? nobody)
    const found = known.get(name)
    if (found !== undefined) return found
    const text = wayText({
      keyId: principal?.id ?? '',
      key: principal?.name ?? '',
      teamId: principal?.teamId ?? '',
      customerId: principal?.customerId ?? '',
      route: redact(asked ?? ''),
      provider,
      model: redact(upstreamModel),
      providerKey: key ?? '',
      price: source,
    })
    // Anybody may ask for anything.
    if (known.size >= waysAtMost) known.clear()
    known.set(name, text)
    return text
  }

  #knownOf(caller: object): Map<string, string> {
    const known = this.#known.get(caller) ?? new Map<string, string>()
    if (known.size === 0) this.#known.set(caller, known)
    return known
  }
}

const given = new Set(['client_closed', 'gateway_shutdown', 'outrun', 'job_cancelled'])

/** How an attempt went, for the ledger: `aborted` is what we gave up ourselves. */
export function outcomeOf({ error }: Pick<Attempt, 'error'>): LedgerRow['outcome'] {
  if (error === null) return 'answered'
  return given.has(error.code) ? 'aborted' : 'failed'
}
