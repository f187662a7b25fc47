// How long the admin API takes to answer questions about usage over a ledger of a million rows, and lists of many keys:
//   node bench/usage.ts [--rows N] [--shape spread|usual] [--keys N] [--file PATH, which is kept and used again]
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import type { AdminReply } from '../src/api/admin/admin-route.ts'
import { readQuery } from '../src/api/admin/check-fields.ts'
import { type KeyDeps, keyRoutes } from '../src/api/admin/key-routes.ts'
import { usageRoutes } from '../src/api/admin/usage-routes.ts'
import { GatewayError } from '../src/core/errors.ts'
import { systemRuntime } from '../src/core/system.ts'
import { ledgerLine } from '../src/store/ledger-line.ts'
import type { SettledRow as Settled } from '../src/store/ledger-store.ts'
import { newStoredKey } from '../src/store/new-stored-key.ts'
import { openSqliteStore, type SqliteStore } from '../src/store/sqlite.ts'
import { seedLedger } from './ledger-seed.ts'
import { quantile } from './statistics.ts'

const startAt = Date.UTC(2025, 0, 1)
const days = 90
const dayMs = 86_400_000
const repeats = 7
const goalMs = 300

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    shape: { type: 'string', default: 'spread' },
    keys: { type: 'string', default: '10000' },
    file: { type: 'string' },
  },
})
const folder =
  values.file === undefined ? await mkdtemp(path.join(tmpdir(), 'sluice-usage-')) : null
const file = values.file ?? path.join(folder ?? '', 'sluice.db')
const isNew = !existsSync(file)
const store = await openSqliteStore({ file })
try {
  if (isNew) await seed(store, Number(values.rows), values.shape)
  await measureUsage(store)
  await measureKeys(store, Number(values.keys))
} finally {
  await store.close()
  if (folder !== null) await rm(folder, { recursive: true })
}

/** `spread`: any key asks for any model of any provider, the worst that sums can meet. `usual`: some far more than others. */
async function seed(into: SqliteStore, rows: number, shape: string): Promise<void> {
  const all = seedLedger({ rows, keys: 50, models: 20, providers: 5, days, startAt })
  const beganAt = performance.now()
  let batch: Settled[] = []
  const flush = async (): Promise<void> => {
    await into.settleAttempts('node', batch.map(ledgerLine))
    batch = []
  }
  for (const settled of all) {
    batch.push(shape === 'usual' ? asUsual(settled) : settled)
    if (batch.length === 1000) await flush()
  }
  await flush()
  const seconds = (performance.now() - beganAt) / 1000
  console.log(`${rows} rows (${shape}) settled at ${Math.round(rows / seconds)} a second\n`)
}

/** A model has one provider, and each key mostly uses a few. */
function asUsual({ row, charges }: Settled): Settled {
  const key = Number(row.keyId.slice('key-'.length))
  const model = (key + (row.inputTokens % 3) + (row.inputTokens % 50 === 0 ? 7 : 0)) % 20
  const provider = `provider-${model % 5}`
  const named = { provider, model: `model-${model}`, route: `${provider}/model-${model}` }
  return { row: { ...row, ...named }, charges }
}

async function measureUsage(from: SqliteStore): Promise<void> {
  const now = startAt + days * dayMs
  const runtime = { ...systemRuntime, clock: { ...systemRuntime.clock, now: () => now } }
  const [route] = usageRoutes({ store: from, runtime })
  if (!route) throw new Error('there is no such route')
  const ask = async (text: string): Promise<string> => {
    const query = readQuery(
      route.operation.query ?? {},
      Object.fromEntries(new URLSearchParams(text)),
    )
    const answer = await route.handle({ query, headers: {} } as Parameters<typeof route.handle>[0])
    return told(answer)
  }
  const slow: string[] = []
  const whole: number[] = []
  const wholeCpu: number[] = []
  for (const text of questions()) {
    const times: number[] = []
    const cpu: number[] = []
    let answer = ''
    for (let n = 0; n < repeats; n++) {
      const askedAt = performance.now()
      const cpuBefore = process.cpuUsage()
      answer = await ask(text).catch((thrown: unknown) => {
        if (thrown instanceof GatewayError) return `refused: ${thrown.status}`
        throw thrown
      })
      times.push(performance.now() - askedAt)
      const { user, system } = process.cpuUsage(cpuBefore)
      cpu.push((user + system) / 1000)
    }
    wholeCpu.push(...cpu)
    whole.push(...times)
    if (quantile(times, 0.95) > goalMs) slow.push(text)
    console.log(`${timesText(times)}${timesText(cpu)} of CPU  ${text || '(nothing)'}  ${answer}`)
  }
  console.log(`\n${timesText(whole)}${timesText(wholeCpu)} of CPU  all questions`)
  console.log(slow.length === 0 ? `all within ${goalMs} ms` : `slower: ${slow.join('  ')}`)
}

/** How much was answered; of an export the time to its first rows is what is measured. */
async function told({ body, text }: AdminReply<unknown>): Promise<string> {
  if (!text) {
    const { data } = body as { readonly data: readonly unknown[] }
    return `${data.length} rows, ${Math.round(JSON.stringify(body).length / 1024)} KiB`
  }
  if (!(text.content instanceof Readable)) return 'csv'
  let pieces = 0
  for await (const piece of text.content) if (String(piece).length > 0 && ++pieces === 2) break
  return 'csv, to the first rows'
}

function* questions(): Generator<string> {
  const dimensions = ['key', 'team', 'customer', 'route', 'provider', 'model', 'outcome', 'form']
  const since = (count: number): string =>
    `from=${new Date(startAt + (days - count) * dayMs - 5e6).toISOString()}`
  const spans = [since(1), since(7), since(30), since(90)]
  const buckets = ['', 'bucket=hour', 'bucket=day', 'bucket=month']
  const bys = [
    ...['', ...dimensions.map((each) => `by=${each}`)],
    ...['by=key,model', 'by=team,provider', 'by=provider,model', 'by=key,outcome'],
    ...['by=key,team,customer,form', 'by=key,provider,model,outcome'],
  ]
  for (const span of spans)
    for (const bucket of buckets)
      for (const by of bys) yield [span, bucket, by].filter(Boolean).join('&')
  const only = ['key=key-7', 'model=model-3', 'team=team-1&provider=provider-2', 'outcome=failed']
  for (const one of only)
    for (const span of spans)
      for (const bucket of buckets)
        for (const by of ['', 'by=key', 'by=key,model'])
          yield [span, bucket, by, one].filter(Boolean).join('&')
  for (const bucket of buckets)
    for (const by of ['', 'by=key', 'by=key,model'])
      yield [since(30), bucket, by, 'format=csv'].filter(Boolean).join('&')
  yield 'from=2005-01-01T00:00:00Z&by=key,model&bucket=month'
  yield 'from=2005-01-01T00:00:00Z&by=key,model'
  yield `${since(30)}&by=key,model&bucket=day&top=10`
}

async function measureKeys(into: SqliteStore, count: number): Promise<void> {
  const made = await into.listKeys()
  const make = (n: number): Promise<unknown> => {
    const id = `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`
    const name = `key number ${n}`
    const hash = String(n).padStart(64, '0')
    return into.createKey(
      newStoredKey({ id, name, hash, hint: '', origin: 'api', createdAt: n + 1 }),
    )
  }
  // At once, so that they share their commits.
  for (let n = made.length; n < count; n += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - n) }, (_, i) => make(n + i)))
  const config = { virtualKeys: [], teams: [], customers: [] }
  const deps = { store: into, runtime: systemRuntime, gateway: { snapshot: { config } } }
  const [list] = keyRoutes(deps as unknown as KeyDeps)
  if (!list) throw new Error('there is no such route')
  console.log(`\n${count} keys`)
  for (const text of ['', 'limit=200', 'search=number 77', 'search=none', 'enabled=false']) {
    const query = readQuery(
      list.operation.query ?? {},
      Object.fromEntries(new URLSearchParams(text)),
    )
    const times: number[] = []
    let rows = 0
    for (let n = 0; n < repeats; n++) {
      const askedAt = performance.now()
      const { body } = await list.handle({ query, headers: {} } as Parameters<
        typeof list.handle
      >[0])
      rows = (body as { readonly data: readonly unknown[] }).data.length
      times.push(performance.now() - askedAt)
    }
    console.log(`${timesText(times)}  ${text || '(all)'}  ${rows} rows`)
  }
}

function timesText(times: readonly number[]): string {
  const shown = [0.5, 0.95].map((share) => quantile(times, share).toFixed(0).padStart(5))
  return `${shown.join('')} ms`
}
