import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { missingPostgres, startPostgres } from 'test-postgres'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { fc } from '../support/properties.ts'
import { costOf, type Kind, kinds, type Mixed, openMixed, type Report } from './mixed-calls.ts'
import { type Books, contradictions, type StoredLine } from './read-books.ts'

const runs = 4
const warmUp = 60
const names = Array.from({ length: runs }, (_, i) => `k${i}`)

const options = {
  keys: Object.fromEntries([
    ...names.map((name) => [
      name,
      { team: 'team', limits: { requests: '100000/1h' }, budget: { usd: 1000, per: '1d' } },
    ]),
    ['warm', {}],
  ]),
  teams: [{ name: 'team', customer: 'customer', budget: { usd: 5000, per: 'month' } }],
  customers: [{ name: 'customer', budget: { usd: 9000, per: 'week' } }],
}

const asText = ({
  provider,
  model,
  inputTokens,
  outputTokens,
}: Omit<Report, 'id' | 'cachedTokens' | 'isRaced'>) =>
  `${provider}/${model} ${inputTokens} ${outputTokens}`

/** Everything that must agree once a key's calls are over. */
function check(books: Books, key: string, ids: ReadonlySet<number>, mixed: Mixed): void {
  assert.deepEqual(contradictions(books), [])
  const lines = books.lines.filter((line) => line.key === key)
  const reports = mixed.reports.filter(({ id }) => ids.has(id))
  // What a provider said stands in the ledger, and nothing else stands there as said by one.
  const told = lines.filter((line) => line.estimated === 0 && line.outcome === 'answered')
  const heard = new Set(told.map(asText))
  const isHeard = (one: Report): boolean => heard.has(asText(one))
  const sure = reports.filter((one) => !one.isRaced || isHeard(one))
  assert.deepEqual(told.map(asText).toSorted(), sure.map(asText).toSorted())
  // Which of two wins is a matter of time, and on a busy machine the late one may. One of them does, and the other is given up.
  const races = Map.groupBy(
    reports.filter(({ isRaced }) => isRaced),
    ({ id }) => id,
  )
  for (const [id, both] of races) assert.ok(both.some(isHeard), `race ${id}`)
  const unheard = [...races.values()].flat().filter((one) => !isHeard(one))
  const lost = lines.filter(({ outcome }) => outcome === 'aborted')
  assert.ok(unheard.length <= lost.length)
  const cachedOf = new Map(reports.map((report) => [asText(report), report.cachedTokens]))
  for (const line of lines) checkCost(line, cachedOf.get(asText(line)) ?? 0)
}

function checkCost(line: StoredLine, cachedTokens: number): void {
  const { model, inputTokens, outputTokens, charges, costNanos, outcome, estimated } = line
  const used = { inputTokens, outputTokens, cachedTokens: estimated ? 0 : cachedTokens }
  const expected = costOf(model, used)
  assert.equal(costNanos, expected, JSON.stringify(line))
  if (outcome === 'failed' && estimated === 0) assert.equal(expected, 0)
  assert.deepEqual(Object.values(charges), expected > 0 ? [expected, expected, expected] : [])
}

async function holds(storeUrl: string | null): Promise<void> {
  await using mixed = await openMixed({
    ...options,
    ...(storeUrl && {
      storeUrl,
      start: { env: { SLUICE_ENCRYPTION_KEY: 'the-same-in-every-process-0123456789' } },
    }),
  })
  const { stage } = mixed
  // From then on the gateway knows what is late.
  for (let call = 0; call < warmUp; call++) await mixed.run('warm', 'plain')
  await warmRace(mixed)
  let run = 0
  const mixes = fc.array(fc.constantFrom<Kind>(...kinds), { minLength: 60, maxLength: 120 })
  await fc.assert(
    fc.asyncProperty(mixes, async (mix) => {
      const key = names[run++] ?? ''
      const ids = new Set(await Promise.all(mix.map((kind) => mixed.run(key, kind))))
      // Asked anew each time: a hedge that is given up may arrive after its call is over.
      const sent = () => [...ids].reduce((sum, id) => sum + (mixed.sent.get(id) ?? 0), 0)
      await stage.untilWritten()
      const books = await stage.booksWhen(
        ({ lines }) => lines.filter((line) => line.key === key).length >= sent(),
      )
      const lines = books.lines.filter((line) => line.key === key)
      const unseen = lines.length - sent()
      const givenUp = lines.filter(({ role, outcome }) => role === 'hedge' && outcome === 'aborted')
      assert.ok(unseen >= 0, 'a line for each request that a provider saw')
      assert.ok(unseen <= givenUp.length, 'and none but of a hedge that was given up on its way')
      check(books, key, ids, mixed)
    }),
    { numRuns: runs, endOnFailure: true },
  )
  const roles = new Set((await stage.books()).lines.map(({ role }) => role))
  assert.deepEqual(roles, new Set(['first', 'repeat', 'hedge']), 'every way of asking was met')
  await stage.stop('SIGTERM')
  const books = await stage.books()
  assert.deepEqual(contradictions(books), [])
  assert.deepEqual(books.leases, [], 'what was taken ahead went back')
  if (storeUrl !== null) return
  const store = await openSqliteStore({ file: `${stage.gateway.dataDir}/sluice.db` })
  try {
    assert.deepEqual(await store.recount(0), { budgets: [], usageRows: 0 })
  } finally {
    await store.close()
  }
}

/** The same route, without anybody late. */
async function warmRace({ stage }: Mixed): Promise<void> {
  const content = JSON.stringify({ id: 0, kind: 'plain' })
  for (const stream of [false, true])
    for (let call = 0; call < warmUp; call++) {
      const fields = { model: 'raced', stream, messages: [{ role: 'user', content }] }
      assert.equal((await stage.call('warm', fields)).status, 200)
    }
}

describe('ledger, budgets, usage and the providers agree to the nano-dollar, whatever happens to calls', () => {
  test('in a file', () => holds(null))
  test('on Postgres', { skip: missingPostgres }, async () => {
    const postgres = await startPostgres()
    try {
      await holds(await postgres.createDatabase())
    } finally {
      await postgres.destroy()
    }
  })
})
