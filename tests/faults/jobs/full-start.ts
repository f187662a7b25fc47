// Starts the gateway on a database with many jobs, waiting and finished, and measures how soon it serves and works. With
// --expired the finished ones are over, and it is measured how long polls take while they are removed:
//   node tests/faults/jobs/full-start.ts [--queued 10000] [--finished 100000] [--expired]
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ended, heldModel, poll, repeatUntil, submitted } from '../../contract/job-client.ts'
import { chat } from '../../contract/stage.ts'
import { JobGateway } from './job-gateway.ts'

const readyLimitMs = 2000
const hourMs = 3600_000

interface Load {
  readonly queued: number
  readonly finished: number
  readonly expiresAt: number
}

/** Makes many of two: each is like the one of its kind but for its id, its model and its times. */
function fill(file: string, ids: { waiting: string; done: string }, load: Load): void {
  const db = new DatabaseSync(file)
  const columns = db.prepare("select name from pragma_table_info('jobs')").all()
  const copied = columns
    .map(({ name }) => String(name))
    .filter((name) => !['id', 'created_at', 'expires_at'].includes(name))
  const multiply = (like: string, count: number, kind: number, bytes: string, over: string) => {
    const id = `printf('%08x-0000-4000-8000-%012x', ${kind}, i)`
    const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`
    db.exec(`begin;
      ${numbers} insert into jobs (id, created_at, expires_at, ${copied.join()})
        select ${id}, created_at + i, ${over}, ${copied.join()} from n, jobs where id = '${like}';
      ${numbers} insert into ${bytes} (job_id, bytes)
        select ${id}, bytes from n, ${bytes} where job_id = '${like}';
      commit`)
  }
  if (load.queued > 0) multiply(ids.waiting, load.queued, 1, 'job_bodies', 'null')
  if (load.finished > 0) multiply(ids.done, load.finished, 2, 'job_results', String(load.expiresAt))
  db.close()
}

const round = (ms: number): string => `${ms.toFixed(0)} ms`

async function measure(load: Load, isExpired: boolean): Promise<boolean> {
  const sweeping = fileURLToPath(new URL('../../crash/serve-sweeping.ts', import.meta.url))
  await using stage = await JobGateway.open({
    jobs: { concurrency: 1, queue_limit: 50_000, per_key_queue_limit: 20_000 },
    ...(isExpired && { start: { entry: sweeping } }),
  })
  const held = heldModel(stage.upstream)
  const done = await submitted(stage.gateway, chat('demo/hello'))
  await ended(stage.gateway, done)
  await submitted(stage.gateway, chat(held.model))
  await held.arrived()
  const waiting = await submitted(stage.gateway, chat('openai/waiting'))
  await stage.gateway.kill()
  const emptySince = performance.now()
  await stage.restart()
  const emptyMs = performance.now() - emptySince
  await held.arrived()
  await stage.gateway.kill()
  fill(stage.databaseFile, { waiting, done }, load)
  const since = performance.now()
  await stage.restart()
  const listeningMs = performance.now() - since
  await held.arrived()
  const dispatchedMs = performance.now() - since
  console.log(
    `${load.queued} waiting, ${load.finished} finished: listens after ${round(listeningMs)} (without them ${round(emptyMs)}), works after ${round(dispatchedMs)}`,
  )
  if (isExpired) await measureSweep(stage, done)
  held.release()
  const since2 = performance.now()
  const before = stage.upstream.requests.length
  await repeatUntil(
    async () => stage.upstream.requests.length - before,
    (count) => count >= Math.min(200, load.queued),
    30_000,
  )
  const perS = (stage.upstream.requests.length - before) / ((performance.now() - since2) / 1000)
  console.log(`then one at a time: ${perS.toFixed(0)} jobs/s`)
  return dispatchedMs <= readyLimitMs
}

async function measureSweep(stage: JobGateway, polled: string): Promise<void> {
  const since = performance.now()
  const took: number[] = []
  const left = (): number => {
    const db = new DatabaseSync(stage.databaseFile, { readOnly: true })
    const [row] = db.prepare('select count(*) as n from jobs where expires_at <= ?').all(Date.now())
    db.close()
    return Number(row?.['n'])
  }
  const first = left()
  let rest = first
  for (let turn = 1; rest > 0; turn++) {
    const at = performance.now()
    await poll(stage.gateway, polled)
    took.push(performance.now() - at)
    // Counting takes longer than polling.
    if (turn % 50 === 0) rest = left()
  }
  took.sort((a, b) => a - b)
  const at = (share: number): string =>
    (took[Math.floor((took.length - 1) * share)] ?? 0).toFixed(1)
  console.log(
    `${first} removed in ${round(performance.now() - since)}; ${took.length} polls meanwhile: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  )
}

const { values } = parseArgs({
  options: {
    queued: { type: 'string', default: '10000' },
    finished: { type: 'string', default: '100000' },
    expired: { type: 'boolean', default: false },
  },
})
const isFast = await measure(
  {
    queued: Number(values.queued),
    finished: Number(values.finished),
    expiresAt: Date.now() + (values.expired ? -1 : 100 * hourMs),
  },
  values.expired,
)
process.exitCode = isFast ? 0 : 1
