// What limits, budgets and prices cost a call in CPU time: the bookkeeper alone, with a caller that nothing is counted
// for and with one that everything is counted for.
//   node bench/admission.ts --calls 100000
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Scope } from '../src/core/allowance.ts'
import type { Attempt, Call } from '../src/core/call.ts'
import { type Principal, unbound } from '../src/core/principal.ts'
import { createRedactor } from '../src/core/redactor.ts'
import { systemRuntime } from '../src/core/system.ts'
import { Bookkeeper } from '../src/gateway/bookkeeper.ts'
import { LedgerWriter } from '../src/gateway/ledger-writer.ts'
import { BudgetBook } from '../src/governance/budget-book.ts'
import { LimitBook } from '../src/governance/limit-book.ts'
import { PriceBook } from '../src/governance/price-book.ts'
import { IntentLog } from '../src/sinks/intent-log.ts'
import { requestRules, scanJson } from '../src/wire/json-scan.ts'
import { lookAtChat } from '../src/wire/openai-chat/look.ts'
import { sampleAttempt, sampleCall } from '../tests/support/sample-call.ts'

const { clock } = systemRuntime
const minute = 60_000
const levels = ['key', 'team', 'customer'] as const

const allowance: Pick<Scope, 'limits' | 'budget'> = {
  limits: {
    requests: { amount: 1e12, windowMs: minute },
    tokens: { amount: 1e14, windowMs: minute },
    concurrency: 1_000_000,
  },
  budget: {
    limitNanos: 8e15,
    window: { calendar: 'month' },
    assumeOutputTokens: 4096,
    unpriced: 'refuse',
    strict: false,
  },
}

const scopesOf = (count: number): readonly Scope[] =>
  levels.slice(0, count).map((kind) => ({ kind, id: kind, name: kind, ...allowance }))

const flat = (base: number) => ({ base, tiers: [] })
const price = {
  ...{ input: flat(2_500_000_000), output: flat(10_000_000_000), perRequest: 0, source: 'file' },
  ...{ cachedInput: null, cacheWrite: null, audioInput: null, audioOutput: null },
}
const tariff = {
  prices: new PriceBook(new Map([['openai/gpt-4o', [{ from: 0, price }]]]), () => null),
  providers: new Map<string, Scope>(),
  models: new Map<string, Scope>(),
}

const target = {
  ...{ provider: 'openai', type: 'openai', model: 'gpt-4o', upstreamModel: 'gpt-4o' },
  ...{ key: 'main', role: 'first' as const },
}
const usage: Attempt['usage'] = {
  ...{ inputTokens: 200, outputTokens: 20, cachedInputTokens: 0, reasoningTokens: 0 },
  estimated: false,
}

const redact = createRedactor()

function openBooks(intents: IntentLog | null): Bookkeeper {
  const writer = new LedgerWriter({
    ...{ clock, node: 'bench', warn() {} },
    store: { settleAttempts: async (_node, settled) => ({ written: settled.length }) },
  })
  const bank = {
    lease: async (wishes: readonly { readonly wantNanos: number }[]) =>
      wishes.map(({ wantNanos }) => wantNanos),
    giveBack: async () => {},
  }
  const budgets = new BudgetBook(bank, clock)
  const limits = new LimitBook(clock)
  return new Bookkeeper({ clock, limits, budgets, writer, intents, redact: () => redact })
}

const bytes = Buffer.from(
  JSON.stringify({
    model: 'openai/gpt-4o',
    messages: [{ role: 'user', content: 'x'.repeat(800) }],
    max_tokens: 100,
  }),
)

/** Microseconds of CPU for each call, so many under way at once. */
async function measure(scopes: readonly Scope[], calls: number, books: Bookkeeper | null) {
  const together = 64
  const principal: Principal = {
    ...{ ...unbound, scopes, kind: 'virtual-key', name: 'bench', models: null, providers: null },
    ...{ providerKeys: null, forwardHeaders: [], mayPin: false },
  }
  let made = 0
  const one = async (): Promise<void> => {
    const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
    const call: Call = sampleCall({ id: `call-${made}`, principal, attempts: [] })
    books?.enter(call, principal, look)
    const hold = (await books?.hold(call, target, look, tariff)) ?? null
    call.attempts.push(sampleAttempt({ hold, usage }))
    // A turn of the loop, in which the provider answers.
    if (made % together === 0) await new Promise((resolve) => setImmediate(resolve))
    books?.settle(call)
  }
  const began = process.cpuUsage()
  const worker = async (): Promise<void> => {
    while (made++ < calls) await one()
  }
  await Promise.all(Array.from({ length: together }, worker))
  const { user, system } = process.cpuUsage(began)
  return (user + system) / calls
}

const { values } = parseArgs({ options: { calls: { type: 'string', default: '100000' } } })
const calls = Number(values.calls)
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const cases: readonly (readonly [string, readonly Scope[], Bookkeeper | null])[] = [
  ['no books at all', [], null],
  ['nothing counted', [], openBooks(null)],
  ['a key with limits and a budget', scopesOf(1), openBooks(null)],
  ['key, team and customer', scopesOf(3), openBooks(null)],
  ['the same, with notes on disk', scopesOf(3), openBooks(new IntentLog(folder, 'bench', clock))],
]
try {
  const best = new Map<string, number>()
  for (let round = 0; round < 4; round++)
    for (const [name, scopes, books] of cases) {
      const us = await measure(scopes, calls / 4, books)
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, us))
    }
  const base = best.get('no books at all') ?? 0
  for (const [name, us] of best)
    console.log(`${name}: ${us.toFixed(2)} us, ${(us - base).toFixed(2)} more than none`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
