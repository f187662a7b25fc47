import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingPostgres, startPostgres } from 'test-postgres'
import { missingSmallDisk, SmallDisk, smallDiskEntry } from '../faults/jobs/small-disk.ts'
import { eventually } from '../faults/upstream/rig.ts'
import * as script from '../support/upstream-script.ts'
import {
  answered,
  type Governed,
  type GovernedOptions,
  nanosPerToken,
  openGoverned,
  tally,
  together,
} from './governed.ts'
import { contradictions, spentOf } from './read-books.ts'

const hundred = { max_tokens: 100 }
const nanosPerCall = 100 * nanosPerToken

async function open(options: Partial<GovernedOptions> = {}): Promise<Governed> {
  const stage = await openGoverned({
    keys: {
      money: { budget: { usd: 10, per: '1d' } },
      hourly: { budget: { usd: 1, per: 'hour' } },
      free: {},
    },
    ...options,
  })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
  return stage
}

const intentsIn = ({ gateway }: Governed): string => join(gateway.dataDir, 'intents')

suite('money when something breaks', { concurrency: 2 }, () => {
  test('an ordinary stop under load loses nothing and guesses nothing', async () => {
    await using stage = await open()
    const { upstream } = stage
    upstream.otherwise((request) => [
      script.wait(30),
      answered(request.field('stream') === true, 5, 100),
    ])
    const calling = together(40, (i) => stage.call('money', { ...hundred, stream: i % 2 === 0 }))
    await eventually(() => upstream.requests.length >= 20, 'calls are under way')
    process.kill(stage.gateway.pid, 'SIGTERM')
    const told = await calling
    assert.equal((await stage.gateway.exited).code, 0)
    const books = await stage.books()
    const good = told.filter(({ status }) => status === 200).length
    assert.equal(books.lines.length, upstream.requests.length)
    assert.ok(books.lines.every(({ outcome }) => outcome === 'answered'))
    assert.equal(books.lines.length, good)
    assert.equal(spentOf(books, 'key'), good * nanosPerCall)
    assert.deepEqual([contradictions(books), books.leases], [[], []])
    assert.deepEqual(readdirSync(intentsIn(stage)), [])
    await stage.restart()
  })

  test('after a power failure what was taken ahead is charged, on a line that says so', async () => {
    await using stage = await open()
    await together(5, () => stage.call('money', hundred))
    await stage.booksWhen(({ lines }) => lines.length === 5)
    await stage.stop('SIGKILL')
    // Notes that never reached the disk, and a machine that has started anew since.
    rmSync(intentsIn(stage), { recursive: true })
    const db = new DatabaseSync(join(stage.gateway.dataDir, 'sluice.db'))
    db.exec(`update budget_leases set node = 'anotherboot' || substr(node, instr(node, '-'))`)
    db.close()
    const before = await stage.books()
    const ahead = before.leases.reduce((sum, { nanos }) => sum + nanos, 0)
    assert.ok(ahead > 0)
    await stage.restart()
    const books = await stage.books()
    assert.deepEqual(contradictions(books), [])
    const [unattributed, ...others] = books.lines.filter(({ kind }) => kind === 'unattributed')
    assert.deepEqual([unattributed?.costNanos, others.length], [ahead, 0])
    assert.equal(spentOf(books, 'key'), 5 * nanosPerCall + ahead)
    // The bound of it: what is taken ahead at once, a fiftieth of the budget, and what a call needs.
    assert.ok(ahead <= 10e9 / 50 + 2 * nanosPerCall, String(ahead))
    assert.match(stage.gateway.stderr(), /unattributed/)
  })

  test('after a kill on the same machine it goes back instead', async () => {
    await using stage = await open()
    await together(5, () => stage.call('money', hundred))
    await stage.booksWhen(({ lines }) => lines.length === 5)
    await stage.stop('SIGKILL')
    await stage.restart()
    const books = await stage.books()
    assert.deepEqual([contradictions(books), books.leases], [[], []])
    assert.equal(spentOf(books, 'key'), 5 * nanosPerCall)
  })

  test('a clock that is set moves windows with it, and gives no window twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-clock-'))
    const clock = join(folder, 'ahead')
    const hourMs = 3_600_000
    writeFileSync(clock, '0')
    const entry = fileURLToPath(new URL('../faults/jobs/serve-with-set-clock.ts', import.meta.url))
    await using stage = await open({ start: { entry, env: { SET_CLOCK: clock } } })
    const spend = async (): Promise<Readonly<Record<string, number>>> =>
      tally(await together(20, () => stage.call('hourly', hundred)))
    const full = { 200: 10, '402 budget_exceeded': 10 }
    const empty = { '402 budget_exceeded': 20 }
    assert.deepEqual(await spend(), full)
    writeFileSync(clock, String(-24 * hourMs))
    assert.deepEqual(await spend(), full)
    writeFileSync(clock, '0')
    assert.deepEqual(await spend(), empty)
    writeFileSync(clock, String(hourMs))
    assert.deepEqual(await spend(), full)
    for (const ahead of [-24 * hourMs, hourMs, 0]) {
      writeFileSync(clock, String(ahead))
      assert.deepEqual(await spend(), empty, String(ahead))
    }
    const books = await stage.booksWhen(({ lines }) => lines.length === 30)
    assert.deepEqual(contradictions(books), [])
    rmSync(folder, { recursive: true })
  })

  test('while another program holds the file, calls with budgets are refused as 503 alone, and nothing is lost', async () => {
    await using stage = await open()
    await stage.call('money', hundred)
    await stage.booksWhen(({ lines }) => lines.length === 1)
    const other = new DatabaseSync(join(stage.gateway.dataDir, 'sluice.db'))
    other.exec('begin exclusive')
    const [paid, unpaid] = await Promise.all([
      together(40, () => stage.call('money', { max_tokens: 100 })),
      together(20, () => stage.call('free')),
    ])
    other.exec('rollback')
    other.close()
    assert.deepEqual(tally(unpaid), { 200: 20 })
    const seen = tally(paid)
    const { 200: good = 0, '503 storage_unavailable': refused = 0 } = seen
    assert.equal(good + refused, 40, JSON.stringify(seen))
    // What was taken ahead may still be spent.
    assert.ok(good <= 3 && refused > 0, JSON.stringify(seen))
    assert.equal(paid.find(({ status }) => status === 503)?.headers['x-should-retry'], 'true')
    const books = await stage.booksWhen(({ lines }) => lines.length === 21 + good)
    assert.deepEqual(contradictions(books), [])
    assert.equal((await stage.call('money', hundred)).status, 200)
  })

  test('where nothing can be noted before it is done, nothing is done, and the start says so', async () => {
    await using stage = await open()
    await stage.call('money', hundred)
    await stage.booksWhen(({ lines }) => lines.length === 1)
    const { gateway, upstream } = stage
    // A new file for its notes, which cannot be made: the folder is another thing now.
    await stage.stop('SIGTERM')
    rmSync(intentsIn(stage), { recursive: true })
    await stage.restart()
    writeFileSync(intentsIn(stage), 'no folder')
    const before = upstream.requests.length
    const told = await together(10, () => stage.call('money', hundred))
    assert.deepEqual(tally(told), { '503 storage_unavailable': 10 })
    assert.equal(upstream.requests.length, before)
    rmSync(intentsIn(stage))
    // Nothing was held for what was refused.
    const later = await together(120, () => stage.call('money', hundred))
    assert.deepEqual(tally(later), { 200: 99, '402 budget_exceeded': 21 })
    assert.notEqual(gateway.pid, stage.gateway.pid)
  })

  test('a folder of notes that is removed while it is in use ends nothing', async () => {
    await using stage = await open()
    await stage.call('money', hundred)
    rmSync(intentsIn(stage), { recursive: true })
    assert.equal((await stage.call('money', hundred)).status, 200)
    await stage.booksWhen(({ lines }) => lines.length === 2)
    await stage.stop('SIGTERM')
    assert.equal((await stage.gateway.exited).code, 0)
    mkdirSync(intentsIn(stage), { recursive: true })
    await stage.restart()
    assert.deepEqual(contradictions(await stage.books()), [])
  })

  test('on a full disk calls are refused as 503, and once there is room all is as before', {
    skip: missingSmallDisk,
  }, async () => {
    await using stage = await open({ start: { entry: smallDiskEntry } })
    const disk = new SmallDisk(stage.gateway)
    assert.equal((await stage.call('money', hundred)).status, 200)
    disk.fill()
    const told = await together(60, () => stage.call('money', hundred))
    const seen = Object.keys(tally(told))
    assert.deepEqual(
      seen.filter((each) => each !== '200' && each !== '503 storage_unavailable'),
      [],
    )
    const good = told.filter(({ status }) => status === 200).length
    disk.free()
    await eventually(
      async () => (await stage.metric('sluice_ledger_waiting')) === 0,
      'everything is written',
    )
    // Its disk is seen by no other process under that name.
    const again = await together(120, () => stage.call('money', hundred))
    assert.equal(tally(again)['200'], 100 - 1 - good)
    assert.ok(!existsSync(join(stage.gateway.dataDir, 'sluice.db')))
  })

  test('while Postgres is away calls with budgets are refused as 503, and nothing is lost', {
    skip: missingPostgres,
  }, async () => {
    const postgres = await startPostgres()
    try {
      await using stage = await open({
        storeUrl: await postgres.createDatabase(),
        start: { env: { SLUICE_ENCRYPTION_KEY: 'a-key-of-some-length-0123456789' } },
      })
      assert.equal((await stage.call('money', hundred)).status, 200)
      const go = Promise.withResolvers<void>()
      stage.upstream.on('m', () => [script.until(go.promise), answered(false, 5, 100)])
      const under = stage.call('money', hundred)
      await eventually(() => stage.upstream.requests.length === 2, 'a call is under way')
      await postgres.stop()
      go.resolve()
      assert.equal((await under).status, 200)
      const told = await together(40, () => stage.call('money', hundred))
      const seen = tally(told)
      const { 200: good = 0, '503 storage_unavailable': refused = 0 } = seen
      assert.equal(good + refused, 40, JSON.stringify(seen))
      assert.ok(refused > 30, JSON.stringify(seen))
      await postgres.start()
      const books = await stage.booksWhen(({ lines }) => lines.length === 2 + good, 25_000)
      assert.deepEqual(contradictions(books), [])
      assert.equal((await stage.call('money', hundred)).status, 200)
    } finally {
      await postgres.destroy()
    }
  })
})
