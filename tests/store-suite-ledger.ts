import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ledgerLine } from '../src/store/ledger-line.ts'
import type { LedgerRow, UsageDimension, UsageQuery, UsageSum } from '../src/store/ledger-store.ts'
import type { Store } from '../src/store/store.ts'
import { charge, ledgerRow, moneyOf, ref, wish } from './store-suite-ledger-fixtures.ts'
import { fc } from './support/properties.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const march = Date.UTC(2026, 2, 1)
const everything = { callId: null, before: null, limit: 1000 }
const all: UsageQuery = { from: 0, to: march * 2, by: [], bucket: null, only: {} }

/** What every store must do with the ledger and its sums. */
export function ledgerSuite(
  store: () => Store,
  tamper: (statement: string) => Promise<void>,
): void {
  /** As no command would. */
  const disturb = async () => {
    await tamper('update budgets set spent = spent + 5, leased = leased + 7')
    await tamper('update usage_sums set attempts = attempts + 1')
  }
  const settle = (...rows: readonly LedgerRow[]) =>
    store().settleAttempts(
      'n1',
      rows.map((row) => ledgerLine({ row, charges: [charge(row.keyId, row.costNanos ?? 0)] })),
    )

  describe('the ledger', () => {
    it('gives back a row as it was settled, with what it was charged to', async () => {
      const row = ledgerRow('c1/1', {
        kind: 'usage',
        outcome: 'interrupted',
        role: 'hedge',
        form: 'job',
        customerId: 'cu',
        audioInputTokens: 7,
        audioOutputTokens: 8,
        estimated: true,
        costNanos: null,
        key: "it's 🗝",
      })
      const charges = [charge('k1', 0), { ...charge('t1', 5, 9), scope: 'team' as const }]
      assert.deepEqual(await store().settleAttempts('n1', [ledgerLine({ row, charges })]), {
        written: 1,
      })
      assert.deepEqual(await store().listLedger(everything), [{ ...row, charges }])
    })

    it('settles once whatever comes twice, in one batch and in two', async () => {
      const row = ledgerRow('c1/1')
      assert.deepEqual(await settle(row, row, ledgerRow('c1/2', { role: 'repeat' })), {
        written: 2,
      })
      assert.deepEqual(await settle(row, ledgerRow('c2/1')), { written: 1 })
      assert.deepEqual(await moneyOf(store(), 'k1'), [300, 0])
      const [sum] = await store().sumUsage(all)
      assert.deepEqual([sum?.calls, sum?.attempts, sum?.costNanos], [2, 3, 300])
    })

    it('settles once what two hand in at the same time', async () => {
      const rows = Array.from({ length: 40 }, (_, i) => ledgerRow(`c${i}/1`))
      const answers = await Promise.all([
        ...[settle(...rows), settle(...rows.toReversed())],
        settle(...rows.slice(10)),
      ])
      assert.equal(
        answers.reduce((sum, { written }) => sum + written, 0),
        40,
      )
      assert.deepEqual(await moneyOf(store(), 'k1'), [4000, 0])
      assert.deepEqual(await store().recount(0), { budgets: [], usageRows: 0 })
    })

    it('takes names of any characters', async () => {
      const row = ledgerRow('c1/1', { model: '\ud800\u0000\n', route: 'a\u001fb' })
      await settle(row, { ...row, id: 'c2/1' })
      await settle({ ...row, id: 'c3/1' })
      const [sum] = await store().sumUsage({ ...all, by: ['model'] })
      assert.deepEqual([sum?.values, sum?.attempts], [['\ufffd\ufffd\n'], 3])
    })

    it('lists the newest first, a page after the other, and the attempts of one call', async () => {
      await settle(
        ledgerRow('c1/1', { at: 5 }),
        ledgerRow('c1/2', { at: 7 }),
        ledgerRow('c2/1', { at: 7 }),
        ledgerRow('c3/1', { at: 9 }),
      )
      const idsOf = async (filter: Partial<typeof everything>) =>
        (await store().listLedger({ ...everything, ...filter })).map(({ id }) => id)
      assert.deepEqual(await idsOf({}), ['c3/1', 'c2/1', 'c1/2', 'c1/1'])
      const [, last] = await store().listLedger({ ...everything, limit: 2 })
      assert.ok(last)
      const rest = await store().listLedger({ ...everything, before: last })
      assert.deepEqual(
        rest.map(({ id }) => id),
        ['c1/2', 'c1/1'],
      )
      assert.deepEqual(await store().listLedger({ ...everything, callId: 'c1', limit: 1 }), [
        { ...ledgerRow('c1/2', { at: 7 }), charges: [charge('k1', 100)] },
      ])
    })

    it('prices rows anew: the difference goes to budgets and sums, twice the same changes nothing', async () => {
      await settle(ledgerRow('c1/1', { costNanos: null }), ledgerRow('c2/1', { costNanos: 50 }))
      const priced = ['c1/1', 'c2/1', 'none'].map((id) => ({
        ...{ id, costNanos: 80, price: 'new' },
        charges: [charge('k1', 80)],
      }))
      for (const _ of [1, 2]) {
        assert.equal(await store().repriceRows(priced), 2)
        assert.deepEqual(await moneyOf(store(), 'k1'), [160, 0])
        const [sum] = await store().sumUsage(all)
        assert.deepEqual([sum?.costNanos, sum?.unpriced, sum?.calls], [160, 0, 2])
      }
      assert.deepEqual(
        (await store().listLedger(everything)).map(({ price, costNanos }) => [price, costNanos]),
        [
          ['new', 80],
          ['new', 80],
        ],
      )
      assert.deepEqual(await store().recount(0), { budgets: [], usageRows: 0 })
    })

    it('removes old rows and keeps their sums, which are not counted anew then', async () => {
      await settle(ledgerRow('c1/1', { at: 5 }), ledgerRow('c2/1', { at: 2 * hourMs }))
      assert.equal(await store().pruneLedger(hourMs), 1)
      assert.deepEqual(
        (await store().listLedger(everything)).map(({ id }) => id),
        ['c2/1'],
      )
      assert.deepEqual(await store().recount(0), { budgets: [], usageRows: 0 })
      assert.equal((await store().sumUsage(all))[0]?.attempts, 2)
      assert.deepEqual(await moneyOf(store(), 'k1'), [200, 0])
    })

    it('removes the windows of a budget that are over, and never the last one', async () => {
      for (const windowAt of [0, 10, 20])
        await store().settleAttempts('n1', [
          ledgerLine({ row: ledgerRow(`c${windowAt}/1`), charges: [charge('k1', 1, windowAt)] }),
        ])
      await store().pruneLedger(15)
      const spent = [0, 10, 20].map(async (windowAt) => (await moneyOf(store(), 'k1', windowAt))[0])
      assert.deepEqual(await Promise.all(spent), [0, 1, 1])
    })
  })

  describe('a recount', () => {
    it('sets right what differs from the ledger and tells it, and is content afterwards', async () => {
      await settle(ledgerRow('c1/1'), ledgerRow('c2/1', { at: march }))
      await store().leaseBudgets('n1', [wish('k1', 50)], 1)
      await disturb()
      const told = await store().recount(0)
      assert.deepEqual(told, {
        budgets: [{ ...ref('k1'), spentNanos: 205, leasedNanos: 57, countedNanos: 200 }],
        usageRows: 2,
      })
      assert.deepEqual(await moneyOf(store(), 'k1'), [200, 50])
      assert.deepEqual((await store().sumUsage(all))[0]?.attempts, 2)
      assert.deepEqual(await store().recount(0), { budgets: [], usageRows: 0 })
    })
  })

  describe('sums of usage', () => {
    it('answer one row in all, also where there is nothing', async () => {
      const [nothing, ...more] = await store().sumUsage(all)
      assert.deepEqual([nothing?.attempts, nothing?.costNanos, more], [0, 0, []])
      assert.deepEqual(await store().sumUsage({ ...all, by: ['key'] }), [])
    })

    it('leave out what is not attributed', async () => {
      await store().leaseBudgets('n1', [{ ...charge('k1', 0), limitNanos: 9, wantNanos: 9 }], 1)
      await store().endNodeLeases('n1', true, 1)
      assert.equal((await store().sumUsage(all))[0]?.costNanos, 0)
    })

    it('are parted by months, days and hours of UTC', async () => {
      const last = march - 1
      await settle(
        ledgerRow('c1/1', { at: last }),
        ledgerRow('c2/1', { at: march }),
        ledgerRow('c3/1', { at: march + dayMs + hourMs }),
      )
      const startsOf = async (bucket: 'hour' | 'day' | 'month') =>
        (await store().sumUsage({ ...all, bucket, from: march - 40 * dayMs })).map(({ at }) => at)
      assert.deepEqual(await startsOf('month'), [Date.UTC(2026, 1, 1), march])
      assert.deepEqual(await startsOf('day'), [march - dayMs, march, march + dayMs])
      assert.deepEqual(await startsOf('hour'), [march - hourMs, march, march + dayMs + hourMs])
    })

    const rows = fc.sample(row, { numRuns: 300, seed: 7 }).map((differences, i) => ({
      ...ledgerRow(`c${String(i).padStart(4, '0')}/1`),
      ...differences,
    }))

    it('answer any question as the rows themselves do', async () => {
      await settle(...rows)
      await fc.assert(
        fc.asyncProperty(question, async (query) => {
          assert.deepEqual(await store().sumUsage(query), sumRows(rows, query))
        }),
        { numRuns: 80 },
      )
    })

    it('give the largest rows of their own, and the others one for each bucket', async () => {
      await settle(...rows)
      await fc.assert(
        fc.asyncProperty(question, fc.integer({ min: 1, max: 4 }), async (query, top) => {
          assert.deepEqual(await store().sumUsage({ ...query, top }), foldRows(rows, query, top))
        }),
        { numRuns: 80 },
      )
    })

    it('come in pages that are the whole together', async () => {
      await settle(...rows)
      await fc.assert(
        fc.asyncProperty(question, fc.integer({ min: 1, max: 9 }), async (query, limit) => {
          const found: UsageSum[] = []
          for (let after: UsageSum | null = null; ; ) {
            const page = await store().sumUsage({ ...query, page: { after, limit } })
            found.push(...page)
            after = page.at(-1) ?? null
            if (page.length < limit || found.length > 1000) break
          }
          const sorted = found.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0) || compareSums(a, b))
          assert.deepEqual(sorted, sumRows(rows, query))
        }),
        { numRuns: 40 },
      )
    })

    it('are weighed by what is read for them, of which a filter costs less', async () => {
      const weighUsage = (query: UsageQuery) => store().weighUsage(query)
      assert.deepEqual(await weighUsage(all), { reads: 0, cost: 0 })
      await settle(...rows)
      const whole = await weighUsage({ ...all, bucket: 'hour', by: ['key', 'model'] })
      assert.ok(whole.reads > 200 && whole.reads <= 300, String(whole.reads))
      assert.equal(whole.cost, whole.reads)
      const part = await weighUsage({
        ...all,
        bucket: 'hour',
        by: ['key'],
        only: { model: ['m1'] },
      })
      assert.equal(part.reads, whole.reads)
      assert.ok(part.cost < whole.cost)
      const days = await weighUsage({ ...all, bucket: 'day' })
      assert.ok(days.reads < whole.reads)
      const ranked = await weighUsage({ ...all, bucket: 'day', by: ['key', 'model'], top: 2 })
      const each = await weighUsage({ ...all, bucket: 'day', by: ['key', 'model'] })
      assert.ok(ranked.reads > each.reads)
    })
  })
}

const when = fc.integer({ min: march - 70 * dayMs, max: march + 40 * dayMs })
const row = fc.record({
  at: when,
  keyId: fc.constantFrom('k1', 'k2', ''),
  teamId: fc.constantFrom('t1', 't2'),
  provider: fc.constantFrom('openai', 'azure'),
  model: fc.constantFrom('m1', 'm2', 'm3'),
  outcome: fc.constantFrom('answered' as const, 'failed' as const),
  form: fc.constantFrom('plain' as const, 'stream' as const, 'job' as const),
  role: fc.constantFrom('first' as const, 'repeat' as const),
  costNanos: fc.option(fc.nat({ max: 1000 })),
  estimated: fc.boolean(),
  inputTokens: fc.nat({ max: 100 }),
  outputTokens: fc.constantFrom(0, 9),
})
const dimension = fc.constantFrom<UsageDimension>(
  ...(['key', 'team', 'customer', 'route', 'provider', 'model', 'outcome', 'form'] as const),
)
const question: fc.Arbitrary<UsageQuery> = fc.record({
  from: when,
  to: when,
  by: fc.uniqueArray(dimension, { maxLength: 4 }),
  bucket: fc.constantFrom(null, 'hour' as const, 'day' as const, 'month' as const),
  only: fc.record(
    {
      key: fc.uniqueArray(fc.constantFrom('k1', '', 'nobody')),
      model: fc.uniqueArray(fc.constantFrom('m1', 'm3'), { minLength: 1 }),
      outcome: fc.constant(['failed']),
    },
    { requiredKeys: [] },
  ),
})

const valueIn: Readonly<Record<UsageDimension, (row: LedgerRow) => string>> = {
  key: ({ keyId }) => keyId,
  team: ({ teamId }) => teamId,
  customer: ({ customerId }) => customerId,
  route: ({ route }) => route,
  provider: ({ provider }) => provider,
  model: ({ model }) => model,
  outcome: ({ outcome }) => outcome,
  form: ({ form }) => form,
}

/** The same question, put to the rows. */
function sumRows(rows: readonly LedgerRow[], query: UsageQuery): readonly UsageSum[] {
  const from = query.from - (query.from % hourMs)
  const to = Math.ceil(query.to / hourMs) * hourMs
  const wanted = rows.filter(
    (one) =>
      one.at >= from &&
      one.at < to &&
      Object.entries(query.only).every(([dimension, values]) =>
        values?.includes(valueIn[dimension as UsageDimension](one)),
      ),
  )
  const groups = new Map<string, LedgerRow[]>()
  if (query.by.length === 0 && query.bucket === null) groups.set('[null]', [])
  for (const one of wanted) {
    const name = JSON.stringify([
      bucketStart(query.bucket, one.at),
      ...query.by.map((dimension) => valueIn[dimension](one)),
    ])
    groups.set(name, [...(groups.get(name) ?? []), one])
  }
  return [...groups]
    .map(([name, group]) => {
      const [at, ...values] = JSON.parse(name) as [number | null, ...string[]]
      const sum = (of: (one: LedgerRow) => number) => group.reduce((n, one) => n + of(one), 0)
      return {
        at,
        values,
        calls: sum(({ role }) => (role === 'first' ? 1 : 0)),
        attempts: group.length,
        inputTokens: sum(({ inputTokens }) => inputTokens),
        outputTokens: sum(({ outputTokens }) => outputTokens),
        cachedInputTokens: sum(({ cachedInputTokens }) => cachedInputTokens),
        reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
        costNanos: sum(({ costNanos }) => costNanos ?? 0),
        unpriced: sum(({ costNanos, inputTokens, outputTokens }) =>
          costNanos === null && inputTokens + outputTokens > 0 ? 1 : 0,
        ),
        estimated: sum(({ estimated }) => (estimated ? 1 : 0)),
        others: 0,
      }
    })
    .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0) || compare(a.values, b.values))
}

/** The same with the largest alone, put to the rows. */
function foldRows(rows: readonly LedgerRow[], query: UsageQuery, top: number): readonly UsageSum[] {
  const largest = sumRows(rows, { ...query, bucket: null }).toSorted(
    (a, b) => b.costNanos - a.costNanos || b.attempts - a.attempts || compareSums(a, b),
  )
  const kept = new Set(largest.slice(0, top).map(({ values }) => JSON.stringify(values)))
  const sums = sumRows(rows, query)
  if (query.by.length === 0 || largest.length <= top) return sums
  const others = Map.groupBy(
    sums.filter(({ values }) => !kept.has(JSON.stringify(values))),
    ({ at }) => at,
  )
  const own = sums.filter(({ values }) => kept.has(JSON.stringify(values)))
  const shared = [...others].map(([at, parts]): UsageSum => {
    const sum = (of: (one: UsageSum) => number) => parts.reduce((n, one) => n + of(one), 0)
    return {
      at,
      values: query.by.map(() => ''),
      calls: sum(({ calls }) => calls),
      attempts: sum(({ attempts }) => attempts),
      inputTokens: sum(({ inputTokens }) => inputTokens),
      outputTokens: sum(({ outputTokens }) => outputTokens),
      cachedInputTokens: sum(({ cachedInputTokens }) => cachedInputTokens),
      reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
      costNanos: sum(({ costNanos }) => costNanos),
      unpriced: sum(({ unpriced }) => unpriced),
      estimated: sum(({ estimated }) => estimated),
      others: largest.length - top,
    }
  })
  return [...own, ...shared].toSorted(
    (a, b) =>
      (a.at ?? 0) - (b.at ?? 0) || Math.sign(a.others) - Math.sign(b.others) || compareSums(a, b),
  )
}

const compareSums = (a: UsageSum, b: UsageSum): number => compare(a.values, b.values)

function bucketStart(bucket: UsageQuery['bucket'], at: number): number | null {
  if (bucket === null) return null
  const date = new Date(at)
  if (bucket === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
  return at - (at % (bucket === 'day' ? dayMs : hourMs))
}

function compare(one: readonly string[], other: readonly string[]): number {
  for (const [i, value] of one.entries())
    if (value !== other[i]) return value < (other[i] ?? '') ? -1 : 1
  return 0
}
