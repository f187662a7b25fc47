import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { fc } from '../../tests/support/properties.ts'
import type { Scope } from '../core/allowance.ts'
import { GatewayError } from '../core/errors.ts'
import { nanosOf } from '../core/money.ts'
import { type BudgetBank, BudgetBook, type Reservation } from './budget-book.ts'

const periodMs = 60_000

function budget(kind: Scope['kind'], limitNanos: number, strict = false): Scope {
  const window = { periodMs }
  const unpriced = 'refuse' as const
  return {
    kind,
    id: `${kind}-id`,
    name: `my ${kind}`,
    limits: null,
    budget: { limitNanos, window, assumeOutputTokens: 4096, unpriced, strict },
  }
}

/** A bank in memory that answers a little later. */
class Bank implements BudgetBank {
  readonly leased = new Map<string, number>()
  readonly spent = new Map<string, number>()
  asked = 0
  isDown = false

  async lease(wishes: Parameters<BudgetBank['lease']>[0]): Promise<readonly number[]> {
    this.asked++
    await null
    if (this.isDown) throw new GatewayError('storage_unavailable', 'down')
    return wishes.map(({ scope, windowAt, limitNanos, wantNanos }) => {
      const key = `${scope}:${windowAt}`
      const taken = (this.leased.get(key) ?? 0) + (this.spent.get(key) ?? 0)
      const granted = Math.max(0, Math.min(wantNanos, limitNanos - taken))
      this.leased.set(key, (this.leased.get(key) ?? 0) + granted)
      return granted
    })
  }

  /** As the store does: out of what was taken ahead as far as that goes. */
  spend(windows: Reservation['windows'], nanos: number): void {
    for (const { scope, windowAt } of windows) {
      const key = `${scope}:${windowAt}`
      const leased = this.leased.get(key) ?? 0
      this.leased.set(key, leased - Math.min(leased, nanos))
      this.spent.set(key, (this.spent.get(key) ?? 0) + nanos)
    }
  }

  async giveBack(back: Parameters<BudgetBank['giveBack']>[0]): Promise<void> {
    for (const { scope, windowAt, nanos } of back) {
      const key = `${scope}:${windowAt}`
      this.leased.set(key, (this.leased.get(key) ?? 0) - nanos)
    }
  }
}

function open() {
  const bank = new Bank()
  const clock = new ManualClock()
  return { bank, clock, book: new BudgetBook(bank, clock) }
}

const settled = async (
  all: readonly (Reservation | Promise<Reservation>)[],
): Promise<{ held: Reservation[]; refused: unknown[] }> => {
  const results = await Promise.allSettled(all)
  return {
    held: results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
    refused: results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : [])),
  }
}

test('of a thousand calls at once exactly as many are let in as the money covers', async () => {
  const { book, bank } = open()
  const key = budget('key', nanosOf(2))
  const calls = Array.from({ length: 1000 }, () => book.reserve([key], nanosOf(0.2)))
  const { held, refused } = await settled(calls)
  assert.equal(held.length, 10)
  assert.equal(refused.length, 990)
  for (const error of refused) assert.equal((error as GatewayError).code, 'budget_exceeded')
  assert.ok(bank.asked < 10)
})

test('far below the limit nobody waits for long: all thousand come through', async () => {
  const { book, bank } = open()
  const key = budget('key', nanosOf(500))
  const calls = Array.from({ length: 1000 }, () => book.reserve([key], nanosOf(0.2)))
  assert.equal((await settled(calls)).held.length, 1000)
  assert.ok(bank.asked < 20)
})

test('in the usual case the answer is there at once', async () => {
  const { book } = open()
  const key = budget('key', nanosOf(50))
  await book.reserve([key], nanosOf(0.001))
  assert.ok(!(book.reserve([key], nanosOf(0.001)) instanceof Promise))
})

test('one level that is full holds nothing at the others, and is the one that is named', async () => {
  const { book } = open()
  const [key, team] = [budget('key', nanosOf(5)), budget('team', nanosOf(1))]
  await assert.rejects(
    async () => book.reserve([key, team], nanosOf(2)),
    /The team "my team" has a budget, and/,
  )
  assert.equal(book.stateOf(key).heldNanos, 0)
  assert.equal((await settled([book.reserve([key], nanosOf(5))])).held.length, 1)
})

test('what was not used can be used by others, what was used cannot', async () => {
  const { book } = open()
  const key = budget('key', nanosOf(1))
  const first = await book.reserve([key], nanosOf(1))
  first.settle(nanosOf(0.25))
  first.settle(nanosOf(1))
  await assert.rejects(async () => book.reserve([key], nanosOf(0.8)), /does not cover/)
  ;(await book.reserve([key], nanosOf(0.75))).settle(0)
  assert.deepEqual(book.stateOf(key), { leasedNanos: nanosOf(0.75), heldNanos: 0 })
})

test('a call that came to more than was held is charged, and the next one finds less', async () => {
  const { book } = open()
  const key = budget('key', nanosOf(1))
  ;(await book.reserve([key], nanosOf(0.5))).settle(nanosOf(0.9))
  await assert.rejects(async () => book.reserve([key], nanosOf(0.2)))
  assert.equal((await settled([book.reserve([key], nanosOf(0.1))])).held.length, 1)
})

test('a new window has the whole of its money, and the rest of the old goes back', async () => {
  const { book, clock, bank } = open()
  const key = budget('key', nanosOf(1))
  const late = await book.reserve([key], nanosOf(1))
  await clock.advance(periodMs)
  assert.equal((await settled([book.reserve([key], nanosOf(1))])).held.length, 1)
  late.settle(nanosOf(0.5))
  await book.giveBackIdle(Number.POSITIVE_INFINITY)
  const old = Math.floor((clock.now() - periodMs) / periodMs) * periodMs
  assert.equal(bank.leased.get(`key:${old}`), nanosOf(0.5))
})

test('what nobody uses for a while is given back for others', async () => {
  const { book, clock, bank } = open()
  const key = budget('key', nanosOf(1))
  const held = await book.reserve([key], nanosOf(0.1))
  await clock.advance(5000)
  await book.giveBackIdle(4000)
  assert.equal([...bank.leased.values()][0], nanosOf(0.1))
  held.settle(nanosOf(0.1))
  assert.equal((await settled([book.reserve([key], nanosOf(0.9))])).held.length, 1)
})

test('a bank that is down is said to be down, not that money is spent', async () => {
  const { book, bank } = open()
  bank.isDown = true
  const key = budget('key', nanosOf(1))
  await assert.rejects(async () => book.reserve([key], 1), { code: 'storage_unavailable' })
})

test('whatever happens in whatever order, never more is held and spent than was taken ahead', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('reserve' as const), nanos: fc.integer({ min: 1, max: 400 }) }),
    fc.record({
      kind: fc.constant('settle' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ kind: fc.constant('idle' as const) }),
    fc.record({ kind: fc.constant('wait' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { book, bank } = open()
      const scopes = [budget('key', 1000), budget('team', 700)]
      const open_: Reservation[] = []
      const pending: Promise<void>[] = []
      let spent = 0
      for (const each of steps) {
        if (each.kind === 'reserve') {
          const asked = async () => open_.push(await book.reserve(scopes, each.nanos))
          pending.push(
            asked().then(
              () => {},
              () => {},
            ),
          )
        } else if (each.kind === 'settle') {
          const held = open_.shift()
          const nanos = held ? Math.floor(held.nanos * each.share) : 0
          held?.settle(nanos)
          spent += nanos
        } else if (each.kind === 'idle') await book.giveBackIdle(0)
        else await Promise.all(pending)
        const held = open_.reduce((sum, { nanos }) => sum + nanos, 0)
        assert.ok(spent + held <= 700)
      }
      await Promise.all(pending)
      assert.ok(spent + open_.reduce((sum, { nanos }) => sum + nanos, 0) <= 700)
      for (const taken of bank.leased.values()) assert.ok(taken <= 1000)
    }),
  )
})

test('a call that cost more than was taken ahead is paid for once, not out of the next block again', async () => {
  const { bank, book } = open()
  const key = budget('key', 10_000, true)
  const spent = async (held: number, nanos: number): Promise<void> => {
    const reservation = await book.reserve([key], held)
    reservation.settle(nanos)
    bank.spend(reservation.windows, nanos)
    reservation.stored()
  }
  for (let call = 0; call < 10; call++) await spent(100, 700)
  assert.deepEqual(book.stateOf(key), { leasedNanos: 0, heldNanos: 0 })
  assert.equal([...bank.leased.values()][0], 0, 'nothing is kept that nobody will spend')
  assert.equal([...bank.spent.values()][0], 7000)
})

test('what calls that were expected to be dear have left over goes back, but for two blocks', async () => {
  const { bank, book } = open()
  const key = budget('key', 10_000)
  const { held } = await settled(Array.from({ length: 9 }, () => book.reserve([key], 1000)))
  for (const one of held) one.settle(0)
  await book.giveBackIdle(Number.POSITIVE_INFINITY)
  assert.equal(book.stateOf(key).leasedNanos, 400)
  assert.equal([...bank.leased.values()][0], 400)
})

test('a call that no budget could ever pay for takes nothing from the bank', async () => {
  const { bank, book } = open()
  const key = budget('key', 10_000)
  const { refused } = await settled([(async () => book.reserve([key], 10_001))()])
  assert.equal((refused[0] as GatewayError).code, 'budget_exceeded')
  assert.equal(bank.asked, 0)
})

test('after somebody else may have ended what was taken ahead nothing of it is spent any more', async () => {
  const { bank, book } = open()
  const key = budget('key', 10_000)
  const before = await book.reserve([key], 100)
  book.forget()
  assert.deepEqual(book.stateOf(key), { leasedNanos: 0, heldNanos: 0 })
  const asked = bank.asked
  await book.reserve([key], 100)
  assert.ok(bank.asked > asked, 'the bank is asked anew')
  const { leasedNanos } = book.stateOf(key)
  before.settle(50)
  before.stored()
  assert.equal(book.stateOf(key).leasedNanos, leasedNanos)
})
