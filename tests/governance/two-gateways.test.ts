import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { Client } from 'pg'
import { missingPostgres, startPostgres, type TestPostgres } from 'test-postgres'
import { eventually } from '../faults/upstream/rig.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'
import {
  answered,
  type Governed,
  nanosPerToken,
  openGoverned,
  tally,
  together,
} from './governed.ts'
import { contradictions, spentOf } from './read-books.ts'

const hundred = { max_tokens: 100 }
const nanosPerCall = 100 * nanosPerToken

suite('two gateways on one Postgres', { skip: missingPostgres, concurrency: false }, () => {
  let postgres: TestPostgres
  let upstream: Upstream
  before(async () => {
    postgres = await startPostgres()
    upstream = await startUpstream()
    upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
  })
  after(async () => {
    await end(...opened)
    await upstream.stop()
    await postgres.destroy()
  })

  const opened: Governed[] = []

  /** One after the other: the first prepares the database. */
  async function openTwo(usd = 1): Promise<readonly [Governed, Governed, string]> {
    const storeUrl = await postgres.createDatabase()
    const open = async (): Promise<Governed> => {
      const node = await openGoverned({
        keys: {
          a: { team: 'team' },
          b: { team: 'team' },
          own: { limits: { requests: '10/1h' }, budget: { usd, per: '1d' } },
        },
        teams: [{ name: 'team', budget: { usd, per: '1d' } }],
        upstream,
        storeUrl,
        start: { env: { SLUICE_ENCRYPTION_KEY: 'the-same-on-both-nodes-0123456789' } },
      })
      opened.push(node)
      return node
    }
    return [await open(), await open(), storeUrl]
  }

  async function end(...nodes: readonly Governed[]): Promise<void> {
    for (const node of nodes) {
      await node.gateway.kill()
      node.gateway.removeFolder()
    }
  }

  test('a budget for ten is spent by both together, and never more of it', async () => {
    const [one, two] = await openTwo()
    const before = upstream.requests.length
    const told = await together(400, (i) => (i % 2 ? one : two).call(i % 3 ? 'a' : 'b', hundred))
    const { 200: good = 0 } = tally(told)
    assert.equal(upstream.requests.length - before, good)
    assert.ok(good <= 10, `${good} were let go`)
    const books = await one.booksWhen(({ lines }) => lines.length === good)
    assert.deepEqual(contradictions(books), [])
    assert.equal(spentOf(books, 'team'), good * nanosPerCall)
    // What one of them has taken ahead and does not need comes back, and pays for the rest.
    for (let tries = 0; tries < 60 && tally(told)['200'] !== 10; tries++) {
      const next = await (tries % 2 ? one : two).call('a', hundred)
      if (next.status === 200) told.push(next)
      else await new Promise((resolve) => setTimeout(resolve, 300))
    }
    assert.equal(tally(told)['200'], 10)
    assert.equal((await one.call('a', hundred)).code, 'budget_exceeded')
    assert.equal((await two.call('b', hundred)).code, 'budget_exceeded')
  })

  test('limits count at each gateway by itself', async () => {
    const [one, two] = await openTwo(50)
    const told = await together(60, (i) => (i % 2 ? one : two).call('own', hundred))
    assert.deepEqual(tally(told), { 200: 20, '429 rate_limit_exceeded': 40 })
  })

  test('what a gateway had taken ahead that is gone is ended by the other, once it was silent for long', async () => {
    const [one, two, storeUrl] = await openTwo(100)
    assert.equal((await one.call('a', hundred)).status, 200)
    upstream.on('m', script.stall())
    const open = one.leave('a', hundred, { ms: 5000 })
    await one.booksWhen(({ lines, leases }) => lines.length === 1 && leases.length === 1)
    await one.stop('SIGKILL')
    await open
    const [lease] = (await two.books()).leases
    assert.ok(lease && lease.nanos > 0)
    await silence(storeUrl, lease.node)
    const books = await two.booksWhen(({ leases }) => leases.length === 0)
    assert.deepEqual(contradictions(books), [])
    const [unattributed] = books.lines.filter(({ kind }) => kind === 'unattributed')
    assert.equal(unattributed?.costNanos, lease.nanos)
    assert.equal(spentOf(books, 'team'), nanosPerCall + lease.nanos)
    upstream.on('m', answered(false, 5, 100))
    assert.equal((await two.call('a', hundred)).status, 200)
  })

  test('one that comes back ends its own: what was open is on lines of its own, and the rest goes back', async () => {
    const [one] = await openTwo(100)
    upstream.on('m', script.stall())
    const before = upstream.requests.length
    const open = one.leave('a', hundred, { ms: 5000 })
    await eventually(() => upstream.requests.length > before, 'a call is under way')
    await one.stop('SIGKILL')
    await open
    upstream.on('m', answered(false, 5, 100))
    await one.restart()
    const books = await one.booksWhen(({ lines }) => lines.length === 1)
    assert.deepEqual(
      books.lines.map(({ outcome, kind }) => [outcome, kind]),
      [['interrupted', 'usage']],
    )
    assert.deepEqual([contradictions(books), books.leases], [[], []])
  })

  test('one that is killed before it noted anything gets back what it had taken ahead, and is not charged', async () => {
    const [one, , storeUrl] = await openTwo(100)
    const [file = ''] = readdirSync(join(one.gateway.dataDir, 'intents'))
    const node = file.slice(0, file.indexOf('.'))
    assert.ok(node.length > 8, file)
    await one.stop('SIGKILL')
    await takeAhead(storeUrl, node)
    assert.equal((await one.books()).leases.length, 1)
    await one.restart()
    const books = await one.booksWhen(({ leases }) => leases.length === 0)
    assert.deepEqual([books.lines, contradictions(books)], [[], []])
  })

  test('a gateway that runs from the same folder is not taken for one that has ended', async () => {
    const [one, two] = await openTwo(100)
    await two.stop('SIGTERM')
    const go = Promise.withResolvers<void>()
    upstream.on('m', [script.until(go.promise), answered(false, 5, 100)])
    const before = upstream.requests.length
    const under = one.call('a', hundred)
    await eventually(() => upstream.requests.length > before, 'a call is under way')
    const { storeUrl } = one.options
    const beside = await openGoverned({
      ...one.options,
      start: { ...one.options.start, args: ['--data-dir', one.gateway.dataDir] },
      ...(storeUrl && { storeUrl }),
    })
    go.resolve()
    assert.equal((await under).status, 200)
    const books = await one.booksWhen(({ lines }) => lines.length === 1)
    assert.equal(books.lines[0]?.outcome, 'answered')
    assert.equal(spentOf(books, 'team'), nanosPerCall)
    opened.push(beside)
  })
})

/** As if it had been killed between that and its first note. */
async function takeAhead(url: string, node: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const budget = `'team', 'file:team:team', 0`
  await client.query(`insert into budgets values (${budget}, 0, 500)`)
  await client.query(`insert into budget_leases values ('${node}', ${budget}, 500)`)
  await client.end()
}

/** Its silence is made longer instead of being waited for. */
async function silence(url: string, node: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('update nodes set beat_at = beat_at - 60000 where id = $1', [node])
  await client.end()
}
