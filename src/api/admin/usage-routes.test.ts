import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { charge, ledgerRow } from '../../../tests/store-suite-ledger-fixtures.ts'
import { ManualClock, manualRuntime } from '../../../tests/support/manual-clock.ts'
import { GatewayError } from '../../core/errors.ts'
import { ledgerLine } from '../../store/ledger-line.ts'
import { newStoredKey } from '../../store/new-stored-key.ts'
import { openSqliteStore, type SqliteStore } from '../../store/sqlite.ts'
import type { AdminReply } from './admin-route.ts'
import { readQuery } from './check-fields.ts'
import { usageRoutes } from './usage-routes.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const now = Date.UTC(2026, 3, 1)
const groups = 1200

let folder: string
let store: SqliteStore
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-usage-routes-'))
  store = await openSqliteStore({ file: path.join(folder, 'sluice.db') })
  // The key with number n costs n on each of three days.
  for (let day = 0; day < 3; day++)
    await store.settleAttempts(
      'n',
      Array.from({ length: groups }, (_, n) =>
        ledgerLine({
          row: ledgerRow(`c${day}-${n}/1`, {
            at: now - (day + 1) * dayMs + hourMs,
            keyId: `key-${String(n).padStart(4, '0')}`,
            teamId: 'file:team:web',
            costNanos: n,
          }),
          charges: [charge('k1', n)],
        }),
      ),
    )
  await store.createKey(
    newStoredKey({
      id: 'key-1199',
      name: 'dearest',
      hash: 'a'.repeat(64),
      hint: '',
      origin: 'api',
      createdAt: 1,
    }),
  )
  await store.deleteKey('key-1199', null, 2, null)
})
after(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

interface Sum {
  readonly at: string | null
  readonly key?: string
  readonly key_name?: string
  readonly team_name?: string
  readonly attempts: number
  readonly cost_nanos: number
  readonly others: number
}
interface Report {
  readonly top: number
  readonly data: readonly Sum[]
  readonly total: { readonly attempts: number; readonly cost_nanos: number }
}

async function ask(text: string, from: Parameters<typeof usageRoutes>[0]['store'] = store) {
  const [route] = usageRoutes({ store: from, runtime: manualRuntime(new ManualClock(now)) })
  assert.ok(route)
  const given = Object.fromEntries(new URLSearchParams(text))
  const query = readQuery(route.operation.query ?? {}, given)
  return (await route.handle({ query, headers: {} } as Parameters<
    typeof route.handle
  >[0])) as AdminReply<Report>
}
const report = async (text: string): Promise<Report> => (await ask(text)).body

const cost = (sums: readonly Sum[]): number => sums.reduce((all, one) => all + one.cost_nanos, 0)
const inAll = (3 * groups * (groups - 1)) / 2

test('the dearest have rows of their own and the others share one, and all add up', async () => {
  for (const bucket of ['', '&bucket=day', '&bucket=month', '&bucket=hour']) {
    const { data, total, top } = await report(`by=key&top=5${bucket}`)
    assert.equal(top, 5)
    assert.deepEqual([total.cost_nanos, total.attempts], [inAll, 3 * groups])
    assert.equal(cost(data), inAll)
    const own = new Set(data.filter(({ others }) => others === 0).map(({ key }) => key))
    assert.deepEqual(
      [...own].toSorted(),
      [1195, 1196, 1197, 1198, 1199].map((n) => `key-${n}`),
    )
    for (const { others, key } of data)
      if (others > 0) assert.deepEqual([others, key], [groups - 5, ''])
  }
})

test('as many as fit have rows of their own where nobody says how many', async () => {
  assert.equal((await report('by=key')).data.length, 1001)
  const days = await report('by=key&bucket=day')
  assert.equal(days.top, 165)
  assert.equal(cost(days.data), inAll)
  const hours = await report('by=key&bucket=hour&from=2026-01-01T00:00:00Z')
  assert.ok(hours.data.length <= 5000)
  assert.equal(cost(hours.data), inAll)
  const few = await report('by=team')
  assert.deepEqual([few.data.length, few.data[0]?.others, few.data[0]?.team_name], [1, 0, 'web'])
})

test('more rows than an answer may have are refused, with how many would fit', async () => {
  await assert.rejects(ask('by=key&bucket=day&top=166'), (thrown) => {
    assert.ok(thrown instanceof GatewayError)
    assert.deepEqual([thrown.code, thrown.facts.param], ['invalid_request', 'top'])
    assert.match(thrown.message, /at most 165/)
    return true
  })
  await ask('by=key&bucket=day&top=165')
  for (const top of ['0', '-1', '1001', '1.5', 'all'])
    await assert.rejects(ask(`by=key&top=${top}`), { code: 'invalid_request' })
})

test('what would add up too much is refused before it is added up, and said how to ask smaller', async () => {
  let asked = 0
  const heavy = {
    ...{ findNames: () => Promise.resolve(new Map()) },
    weighUsage: () => Promise.resolve({ reads: 900_000, cost: 125_001 }),
    sumUsage() {
      asked++
      return Promise.resolve([])
    },
  } as unknown as SqliteStore
  for (const text of ['by=key,model&bucket=day', 'by=key&format=csv', 'top=3&by=key&format=csv'])
    await assert.rejects(ask(text, heavy), /900000 sums.*less time.*days instead of hours/)
  assert.equal(asked, 0)
})

async function csv(text: string): Promise<readonly (readonly string[])[]> {
  const { text: answer } = await ask(`${text}&format=csv`)
  assert.ok(answer)
  const { content } = answer
  const whole =
    content instanceof Readable ? (await content.toArray()).map(String).join('') : String(content)
  return whole.split('\r\n').map((line) => line.split(','))
}

test('a table has everything, however much it is, in pieces that are the whole', async () => {
  const [head = [], ...lines] = await csv('by=key&bucket=day')
  const rows = lines.filter((line) => line.length > 1)
  assert.equal(rows.length, 3 * groups)
  assert.deepEqual(head.slice(0, 4), ['at', 'key', 'key_name', 'calls'])
  assert.ok(!head.includes('others'))
  const costs = rows.map((row) => Number(row[head.indexOf('cost_nanos')]))
  assert.equal(
    costs.reduce((all, one) => all + one, 0),
    inAll,
  )
  assert.equal(new Set(rows.map((row) => `${row[0]} ${row[1]}`)).size, rows.length)
  const { text: answer } = await ask('by=key&format=csv')
  assert.ok(answer?.content instanceof Readable)
  assert.equal((await answer.content.toArray()).length, 2)
  assert.equal((await csv('by=key')).length, groups + 2)
})

test('a table of the dearest alone has a row for the others too', async () => {
  const [head = [], one = [], two = []] = await csv('by=key&top=1')
  const at = (row: readonly string[], name: string) => row[head.indexOf(name)]
  assert.deepEqual(
    [at(one, 'key'), at(one, 'key_name'), at(one, 'others')],
    ['key-1199', 'dearest', '0'],
  )
  assert.deepEqual([at(two, 'key'), at(two, 'others')], ['', String(groups - 1)])
})
