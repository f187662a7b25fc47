import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ledgerLine } from '../src/store/ledger-line.ts'
import type { Store } from '../src/store/store.ts'
import { BudgetModel } from './store-budget-model.ts'
import { charge, ledgerRow, moneyOf, ref, wish } from './store-suite-ledger-fixtures.ts'
import { fc } from './support/properties.ts'

/** What every store must do with money that is taken ahead. */
export function budgetSuite(store: () => Store): void {
  describe('budgets', () => {
    it('grants what is asked for while it is there, then what is left, then nothing', async () => {
      const asked = [wish('a', 600), wish('a', 600), wish('a', 600)]
      assert.deepEqual(await store().leaseBudgets('n1', asked, 1), [600, 400, 0])
      assert.deepEqual(await store().leaseBudgets('n2', [wish('a', 1)], 1), [0])
      assert.deepEqual(await moneyOf(store(), 'a'), [0, 1000])
    })

    it('grants each wish by itself, in the order of the wishes', async () => {
      const asked = [wish('b', 10), wish('a', 2000), wish('c', 5, 0)]
      assert.deepEqual(await store().leaseBudgets('n1', asked, 1), [10, 1000, 0])
    })

    it('never goes below nothing where a limit was lowered under what is spent', async () => {
      await store().leaseBudgets('n1', [wish('a', 900)], 1)
      assert.deepEqual(await store().leaseBudgets('n1', [wish('a', 900, 500)], 1), [0])
    })

    it('gives money taken ahead to exactly as many as it is for, however many ask at once', async () => {
      const asked = Array.from({ length: 50 }, (_, i) =>
        store().leaseBudgets(`n${i % 3}`, [wish('b', 30), wish('a', 100)], 1),
      )
      const granted = await Promise.all(asked)
      const sum = (n: number) => granted.reduce((all, one) => all + (one[n] ?? 0), 0)
      assert.deepEqual([sum(0), sum(1)], [1000, 1000])
    })

    it('tells who holds money, and who of them was silent since', async () => {
      for (const node of ['n1', 'n2', 'n3']) await store().leaseBudgets(node, [wish('a', 10)], 1)
      await store().keepJobs('n1', [], 0, 1000)
      await store().keepJobs('n2', [], 0, 2000)
      assert.deepEqual(await store().listLeaseNodes(null), ['n1', 'n2', 'n3'])
      assert.deepEqual(await store().listLeaseNodes(1000), ['n1', 'n3'])
      assert.deepEqual(await store().listLeaseNodes(2000), ['n1', 'n2', 'n3'])
    })

    it('keeps windows, scopes and ids apart, whatever characters they have', async () => {
      const refs = [
        ref('a', 0),
        ref('a', 5),
        { ...ref('a', 0), scope: 'team' as const },
        ref('x/5/y', 0),
        ref("'; --\u0000🗝\ud800", 0),
      ]
      for (const [i, one] of refs.entries())
        await store().leaseBudgets('n', [{ ...one, limitNanos: 100, wantNanos: i + 1 }], 1)
      const states = await store().readBudgets(refs.slice(0, 4))
      assert.deepEqual(
        states,
        refs.slice(0, 4).map((one, i) => ({ ...one, spentNanos: 0, leasedNanos: i + 1 })),
      )
    })

    it('takes what is spent out of the lease, and what goes beyond it as well', async () => {
      await store().leaseBudgets('n1', [wish('a', 300)], 1)
      await store().leaseBudgets('n2', [wish('a', 50)], 1)
      const settle = (id: string, spent: number) =>
        store().settleAttempts('n1', [
          ledgerLine({ row: ledgerRow(id), charges: [charge('a', spent)] }),
        ])
      await settle('c1/1', 100)
      assert.deepEqual(await moneyOf(store(), 'a'), [100, 250])
      await settle('c2/1', 500)
      assert.deepEqual(await moneyOf(store(), 'a'), [600, 50])
      assert.deepEqual(await store().leaseBudgets('n1', [wish('a', 1000)], 1), [350])
    })

    it('takes back no more than the node holds', async () => {
      await store().leaseBudgets('n1', [wish('a', 300)], 1)
      await store().leaseBudgets('n2', [wish('a', 100)], 1)
      await store().returnLeases('n1', [{ ...ref('a'), nanos: 120 }])
      assert.deepEqual(await moneyOf(store(), 'a'), [0, 280])
      await store().returnLeases('n1', [{ ...ref('a'), nanos: 9999 }])
      assert.deepEqual(await moneyOf(store(), 'a'), [0, 100])
    })

    it("charges a dead node's leases, and the ledger says for what", async () => {
      await store().leaseBudgets('n1', [wish('a', 300), wish('b', 70)], 1)
      await store().leaseBudgets('n2', [wish('a', 100)], 1)
      const ended = await store().endNodeLeases('n1', true, 77)
      assert.deepEqual(
        ended.toSorted((x, y) => (x.scopeId < y.scopeId ? -1 : 1)),
        [
          { ...ref('a'), spentNanos: 300, leasedNanos: 100 },
          { ...ref('b'), spentNanos: 70, leasedNanos: 0 },
        ],
      )
      const told = await store().listLedger({ callId: null, before: null, limit: 10 })
      assert.deepEqual(
        told.map(({ kind, keyId, costNanos, at }) => [kind, keyId, costNanos, at]).toSorted(),
        [
          ['unattributed', 'a', 300, 77],
          ['unattributed', 'b', 70, 77],
        ],
      )
      assert.deepEqual(await store().endNodeLeases('n1', true, 78), [])
      assert.deepEqual(await store().recount(0), { budgets: [], usageRows: 0 })
    })

    it('gives leases back where a node stopped in good order', async () => {
      await store().leaseBudgets('n1', [wish('a', 300)], 1)
      await store().endNodeLeases('n1', false, 5)
      assert.deepEqual(await moneyOf(store(), 'a'), [0, 0])
      assert.deepEqual(await store().listLedger({ callId: null, before: null, limit: 10 }), [])
    })

    it('answers any sequence of commands as the model does, and never grants beyond a limit', async () => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
          const model = new BudgetModel()
          const name = `run-${++run}`
          for (const [step, next] of actions.entries())
            await play(store(), model, next, { name, step })
          for (const id of ids)
            assert.deepEqual(await moneyOf(store(), `${name}-${id}`), model.moneyOf(id), id)
          const { budgets } = await store().recount(0)
          assert.deepEqual(budgets, [])
        }),
        { numRuns: 30 },
      )
    })
  })
}

const ids = ['a', 'b'] as const
const nodes = ['n1', 'n2'] as const
const id = fc.constantFrom(...ids)
const node = fc.constantFrom(...nodes)
const nanos = fc.integer({ min: 0, max: 400 })
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('lease' as const),
      node,
      wishes: fc.array(fc.record({ id, nanos }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      node,
      // Numbers repeat: what was settled once is settled again.
      rows: fc.array(fc.record({ call: fc.nat({ max: 20 }), id, nanos }), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('return' as const), node, id, nanos }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('end' as const), node, shouldCharge: fc.boolean() }),
  },
)
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

/** One command to both. Every run has budgets, nodes and rows of its own. */
async function play(
  store: Store,
  model: BudgetModel,
  next: Action,
  { name, step }: { readonly name: string; readonly step: number },
): Promise<void> {
  const own = (text: string) => `${name}-${text}`
  switch (next.do) {
    case 'lease': {
      const wishes = next.wishes.map((one) => wish(own(one.id), one.nanos))
      const granted = await store.leaseBudgets(own(next.node), wishes, 1)
      assert.deepEqual(granted, model.lease(next.node, next.wishes, 1000))
      return
    }
    case 'settle': {
      const settled = next.rows.map((row) => ({
        row: ledgerRow(own(`${row.call}/1`), { costNanos: row.nanos }),
        charges: [charge(own(row.id), row.nanos)],
      }))
      const { written } = await store.settleAttempts(own(next.node), settled.map(ledgerLine))
      assert.equal(written, model.settle(next.node, next.rows))
      return
    }
    case 'return':
      model.giveBack(next.node, next.id, next.nanos)
      return await store.returnLeases(own(next.node), [{ ...ref(own(next.id)), nanos: next.nanos }])
    case 'end':
      model.end(next.node, next.shouldCharge)
      await store.endNodeLeases(own(next.node), next.shouldCharge, 2000 + step)
  }
}
