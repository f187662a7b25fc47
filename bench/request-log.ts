import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemRuntime } from '../src/core/system.ts'
import { BlockLog } from '../src/store/block-log.ts'
import type { LogEntry } from '../src/store/logged-call.ts'
import type { RequestLog } from '../src/store/request-log.ts'
import { encodeEntries } from '../src/store/request-log-builder.ts'
import { type LogFilter, noFilter } from '../src/store/request-log-filter.ts'
import { SqliteBlockStore } from '../src/store/sqlite-block-store.ts'

export interface LogShape {
  readonly calls: number
  readonly days: number
  /** Epoch ms. */
  readonly startAt: number
  /** Whether callers name their calls, as some SDKs do. */
  readonly labels: boolean
}

const dayMs = 86_400_000
const keys = 50
const models = 20
const providers = 5
const agents = ['OpenAI/Python 1.99.9', 'OpenAI/JS 7.57.0', 'curl/8.5.0', 'ai/7.0.173']
const failures = ['upstream_timeout', 'upstream_error', 'rate_limit_exceeded', 'invalid_request']

/** Calls as they might be settled, oldest first, the same for the same shape: every key asks every model of every provider. */
export function* seedLog(shape: LogShape): Generator<LogEntry> {
  const random = createRandom()
  const stepMs = (shape.days * dayMs) / shape.calls
  const pick = (count: number): number => Math.floor(random() * count)
  for (let n = 0; n < shape.calls; n++) {
    const startedAt = shape.startAt + Math.floor(n * stepMs)
    const failed = random() < 0.05
    const error = failed ? (failures[pick(failures.length)] ?? '') : ''
    const provider = `provider-${pick(providers)}`
    const model = `model-${pick(models)}`
    const durationMs = Math.round(20_000 * random() ** 3 * 100) / 100 + 20
    const kind = random() < 0.5 ? 'stream' : 'plain'
    const call: Omit<LogEntry, 'text'> = {
      id: idAt(startedAt, random),
      label: shape.labels ? `req-${n.toString(36)}-${pick(1e9).toString(36)}` : '',
      kind,
      status:
        error === ''
          ? 200
          : error === 'invalid_request'
            ? 400
            : error === 'rate_limit_exceeded'
              ? 429
              : 502,
      error,
      message: error === '' ? '' : `it did not go well: ${error}`,
      key: `key-${pick(keys)}`,
      team: `team-${pick(10)}`,
      customer: `customer-${pick(3)}`,
      route: `${provider}/${model}`,
      provider,
      model,
      agent: agents[pick(agents.length)] ?? '',
      durationMs,
      firstTokenMs: kind === 'stream' ? durationMs / 4 : null,
      inputTokens: 100 + pick(4000),
      outputTokens: 20 + pick(1000),
      cachedInputTokens: pick(100),
      reasoningTokens: pick(50),
      costNanos: 1000 * (100 + pick(10_000)),
      attempts: random() < 0.03 ? 2 : 1,
      fallback: 0,
      hedged: false,
      dimensions: n % 10 === 0 ? { app: `app-${pick(7)}`, user: `user-${pick(1000)}` } : {},
    }
    yield {
      ...call,
      text: JSON.stringify({
        ...call,
        client_address: '10.0.0.0',
        bytes_in: pick(9999),
        bytes_out: pick(9999),
        upstream_ms: durationMs - 2,
        surface: 'openai',
      }),
    }
  }
}

function idAt(time: number, random: () => number): string {
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const head = time.toString(16).padStart(12, '0')
  return `${head.slice(0, 8)}-${head.slice(8)}-7${hex(3)}-a${hex(3)}-${hex(6)}${hex(6)}`
}

/** Numerical Recipes' generator: what is measured must not depend on the run. */
function createRandom(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const perBatch = 1000
export const rules = {
  keepMs: 90 * dayMs,
  contentKeepMs: dayMs,
  maxBytes: 20 * 2 ** 30,
  maxBodyBytes: 1,
  secrets: [],
}

// node bench/request-log.ts [calls]: how fast they are written, what they take, and how long questions take then.
if (import.meta.main) await measure(Number(process.argv[2] ?? 1_000_000))

async function measure(calls: number): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-log-'))
  const log = new BlockLog(new SqliteBlockStore(folder), rules, systemRuntime.clock)
  const shape = {
    calls,
    days: 30,
    startAt: Date.UTC(2026, 0, 1),
    labels: process.argv[3] !== 'plain',
  }
  const spent = await seed(log, shape)
  const bytes = await sizeOf(folder)
  console.log(
    `${calls} calls: encoded in ${spent.encodeUs.toFixed(2)} us and written in ${spent.writeUs.toFixed(2)} us each (CPU), ${Math.round(bytes / calls)} bytes each on disk`,
  )
  await askAll(log, shape)
  await log.close()
  await rm(folder, { recursive: true })
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Writes them in batches; answers the microseconds of CPU for each. */
export async function seed(
  log: RequestLog,
  shape: LogShape,
): Promise<{ encodeUs: number; writeUs: number }> {
  let [encodeMs, writeMs] = [0, 0]
  let entries: LogEntry[] = []
  const write = async (): Promise<void> => {
    const startMs = cpuMs()
    const blocks = encodeEntries(entries)
    const encodedMs = cpuMs()
    await log.append({ id: randomUUID(), blocks, bodies: [], loss: null })
    encodeMs += encodedMs - startMs
    writeMs += cpuMs() - encodedMs
    entries = []
  }
  for (const entry of seedLog(shape)) if (entries.push(entry) === perBatch) await write()
  if (entries.length > 0) await write()
  return { encodeUs: (encodeMs * 1000) / shape.calls, writeUs: (writeMs * 1000) / shape.calls }
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(path.join(folder, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function askAll(log: RequestLog, { startAt, days }: LogShape): Promise<void> {
  const [to, dayBack] = [startAt + days * dayMs, startAt + (days - 1) * dayMs]
  const filters: Readonly<Record<string, Partial<LogFilter>>> = {
    'no filter': {},
    'one key': { only: { key: ['key-7'] } },
    'key, model and provider': {
      only: { key: ['key-7'], model: ['model-3'], provider: ['provider-1'] },
    },
    'an unknown key': { only: { key: ['nobody'] } },
    'status 5xx': { statuses: ['5xx'] },
    'status 429 of a key': { statuses: ['429'], only: { key: ['key-9'] } },
    'an error': { only: { error: ['upstream_timeout'] } },
    'slower than 20 s': { minDurationMs: 20_000 },
    'slower than all are': { minDurationMs: 1_000_000 },
    'dearer than all are': { minCostNanos: 1e15 },
    'a dimension': { dimensions: { user: 'user-77' } },
    'a dimension nobody has': { dimensions: { user: 'nobody' } },
    'part of a label': { text: 'req-5' },
    'text that is nowhere': { text: 'zzzzzzzz' },
    'a client': { text: 'curl' },
    'an hour': { from: dayBack, to: dayBack + 3_600_000 },
  }
  for (const [name, filter] of Object.entries(filters))
    await time(`find: ${name}`, async () => {
      const { calls, next, searchedTo } = await log.find({ ...noFilter, ...filter }, null, 50)
      return `${calls.length} calls${next ? ', more' : ''}${searchedTo === null ? '' : `, searched to ${new Date(searchedTo).toISOString()}`}`
    })
  const [some] = (await log.find(noFilter, null, 1)).calls
  await time('get', async () => String((await log.get(some?.id ?? ''))?.text.length))
  await time('facets of all', async () => String((await log.facets(noFilter)).calls))
  const ofKey = { ...noFilter, only: { key: ['key-7'] } }
  await time('facets of a key', async () => String((await log.facets(ofKey)).calls))
  for (const [name, from, bucketMs] of [
    ['30 days', startAt, dayMs],
    ['30 days by the hour', startAt, 3_600_000],
    ['a day', dayBack, 3_600_000],
  ] as const)
    await time(`overview of ${name}`, async () => {
      const answer = await log.overview({
        filter: { ...noFilter, from, to },
        bucketMs,
        dimension: 'app',
      })
      return `${answer.all.calls} calls, p95 ${answer.all.duration?.p95} ms, ${answer.series.length} buckets`
    })
}

async function time(name: string, ask: () => Promise<string>): Promise<void> {
  const times: number[] = []
  let told = ''
  for (let n = 0; n < 11; n++) {
    const askedAt = performance.now()
    told = await ask()
    times.push(performance.now() - askedAt)
  }
  times.sort((a, b) => a - b)
  const [median = 0, worst = 0] = [times[5], times[10]]
  console.log(
    `${median.toFixed(1).padStart(7)} ms, worst ${worst.toFixed(1).padStart(7)} ms  ${name}: ${told}`,
  )
}
