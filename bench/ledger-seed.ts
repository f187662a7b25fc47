import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ledgerLine } from '../src/store/ledger-line.ts'
import type { LedgerRow, SettledRow as Settled, UsageQuery } from '../src/store/ledger-store.ts'
import { openSqliteStore, type SqliteStore } from '../src/store/sqlite.ts'

export interface LedgerShape {
  readonly rows: number
  readonly keys: number
  readonly models: number
  readonly providers: number
  readonly days: number
  /** Epoch ms. */
  readonly startAt: number
}

const dayMs = 86_400_000

/**
 * Attempts as they might be settled, oldest first, the same for the same shape: every key asks for every model of every
 * provider, which is the worst that sums can meet.
 */
export function* seedLedger(shape: LedgerShape): Generator<Settled> {
  const random = createRandom()
  const stepMs = (shape.days * dayMs) / shape.rows
  for (let n = 0; n < shape.rows; n++) {
    const pick = (count: number): number => Math.floor(random() * count)
    const key = pick(shape.keys)
    const model = `model-${pick(shape.models)}`
    const provider = `provider-${pick(shape.providers)}`
    const inputTokens = 100 + pick(4000)
    const outputTokens = 20 + pick(1000)
    const costNanos = inputTokens * 150 + outputTokens * 600
    const at = shape.startAt + Math.floor(n * stepMs)
    const row: LedgerRow = {
      id: `call-${String(n).padStart(9, '0')}/1`,
      callId: `call-${String(n).padStart(9, '0')}`,
      at,
      kind: 'usage',
      outcome: random() < 0.95 ? 'answered' : random() < 0.5 ? 'failed' : 'aborted',
      role: 'first',
      form: random() < 0.5 ? 'plain' : 'stream',
      keyId: `key-${key}`,
      key: `key number ${key}`,
      teamId: `team-${key % 10}`,
      customerId: `customer-${key % 3}`,
      route: `${provider}/${model}`,
      provider,
      model,
      providerKey: 'main',
      inputTokens,
      outputTokens,
      cachedInputTokens: pick(100),
      cacheWriteTokens: 0,
      reasoningTokens: pick(50),
      audioInputTokens: 0,
      audioOutputTokens: 0,
      estimated: random() < 0.02,
      costNanos,
      price: 'list 2025-01-01',
    }
    const windowAt = at - (at % (30 * dayMs))
    const charges = [
      { scope: 'key' as const, scopeId: row.keyId, windowAt, spentNanos: costNanos },
      { scope: 'team' as const, scopeId: row.teamId, windowAt, spentNanos: costNanos },
      { scope: 'provider' as const, scopeId: provider, windowAt, spentNanos: costNanos },
    ]
    yield { row, charges }
  }
}

/** Numerical Recipes' generator: what is measured must not depend on the run. */
function createRandom(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

// node bench/ledger-seed.ts [rows]: how fast they are settled, and how long questions take then.
if (import.meta.main) await measure(Number(process.argv[2] ?? 1_000_000))

async function measure(rows: number): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-ledger-'))
  const store = await openSqliteStore({ file: path.join(folder, 'sluice.db') })
  const shape = {
    rows,
    keys: 50,
    models: 20,
    providers: 5,
    days: 90,
    startAt: Date.UTC(2025, 0, 1),
  }
  const startedAt = performance.now()
  await settleAll(store, shape)
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`${rows} rows settled at ${Math.round(rows / seconds)} a second`)
  await askAll(store, shape)
  await store.close()
  await rm(folder, { recursive: true })
}

async function settleAll(store: SqliteStore, shape: LedgerShape): Promise<void> {
  let batch: Settled[] = []
  for (const settled of seedLedger(shape)) {
    batch.push(settled)
    if (batch.length < 1000) continue
    await store.settleAttempts('node', batch.map(ledgerLine))
    batch = []
  }
  await store.settleAttempts('node', batch.map(ledgerLine))
}

async function askAll(store: SqliteStore, { startAt, days }: LedgerShape): Promise<void> {
  const all = { from: startAt, to: startAt + days * dayMs, by: [], bucket: null, only: {} } as const
  const from = startAt + 1.1 * dayMs
  const four = ['key', 'model', 'provider', 'outcome'] as const
  const month = { ...all, to: startAt + 30 * dayMs }
  const questions: Readonly<Record<string, UsageQuery>> = {
    'in all': all,
    'by key': { ...all, by: ['key'] },
    'by four dimensions': { ...all, by: four },
    'by four dimensions, months cut': { ...all, from, to: startAt + 75.5 * dayMs, by: four },
    'days by key': { ...all, bucket: 'day', by: ['key'] },
    'days by provider and model': { ...all, bucket: 'day', by: ['provider', 'model'] },
    'days by key, one model': { ...all, bucket: 'day', by: ['key'], only: { model: ['model-3'] } },
    'days by key and model': { ...all, bucket: 'day', by: ['key', 'model'] },
    '30 days by key and model': { ...month, bucket: 'day', by: ['key', 'model'] },
    hours: { ...all, bucket: 'hour' },
    '7 days of hours by key': { ...month, to: startAt + 7 * dayMs, bucket: 'hour', by: ['key'] },
  }
  for (const [name, query] of Object.entries(questions)) {
    const times: number[] = []
    let answer: readonly unknown[] = []
    for (let n = 0; n < 5; n++) {
      const askedAt = performance.now()
      answer = await store.sumUsage(query)
      times.push(performance.now() - askedAt)
    }
    const ms = Math.round(times.toSorted((a, b) => a - b)[2] ?? 0)
    console.log(`${String(ms).padStart(6)} ms  ${name} (${answer.length} rows)`)
  }
}
