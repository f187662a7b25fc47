// Looks at the gateway's system calls: is a job on the disk before its submit is answered?
//   node tests/crash/fsync-trace.ts --jobs 20
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startGateway } from '../support/start-gateway.ts'
import { Chance } from './chance.ts'
import { crashConfig, makeCases, submitCase } from './crash-case.ts'
import { JobClient } from './job-client.ts'
import { startJobUpstream } from './job-upstream.ts'
import { brokenOrders, readTrace } from './sync-order.ts'

const traced = 'fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg'
const readyLimitMs = 10_000

interface TraceOutcome {
  /** Why nothing could be looked at; null: it was. */
  readonly skipped: string | null
  readonly acknowledged: number
  readonly violations: readonly string[]
}

/** Submits jobs to a gateway whose system calls are watched, a few at a time so that commits are shared. */
export async function traceSubmits(jobs: number): Promise<TraceOutcome> {
  const nothing = { acknowledged: 0, violations: [] }
  if (spawnSync('strace', ['--version']).status !== 0)
    return { ...nothing, skipped: 'strace is not installed' }
  const chance = new Chance(1)
  await using upstream = await startJobUpstream(chance)
  await using gateway = await startGateway({ config: crashConfig(upstream.url) })
  const file = join(gateway.dataDir, 'trace.txt')
  const args = ['-f', '-y', '-s', '8192', '-e', `trace=${traced}`, '-o', file]
  const strace = spawn('strace', [...args, '-p', String(gateway.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => strace.once('close', () => resolve()))
  const refused = await whenAttached(strace)
  if (refused !== null) return { ...nothing, skipped: refused }
  const client = new JobClient(gateway.url)
  const waiting = makeCases(1, jobs, chance)
  const ids: string[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop())
      ids.push(await submitCase(client, next, { isRepeat: false, onWritten: () => {} }))
  }
  await Promise.all([work(), work(), work(), work()])
  client.close()
  strace.kill('SIGINT')
  await ended
  const violations = brokenOrders(readTrace(readFileSync(file, 'utf8')), ids)
  return { skipped: null, acknowledged: ids.length, violations }
}

/** Null once every thread is attached; else what kept it from that. */
function whenAttached(strace: ChildProcess): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  let said = ''
  strace.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (/attached/.test(said)) resolve(null)
  })
  strace.once('close', () => resolve(`strace could not attach: ${said.trim()}`))
  const timer = setTimeout(() => strace.kill('SIGINT'), readyLimitMs)
  return promise.finally(() => clearTimeout(timer))
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { jobs: { type: 'string', default: '20' } } })
  const { skipped, acknowledged, violations } = await traceSubmits(Number(values.jobs))
  if (skipped !== null) console.log(`skipped: ${skipped}`)
  else console.log(`${acknowledged} acknowledgements, ${violations.length} before their sync`)
  for (const violation of violations) console.log(`VIOLATION ${violation}`)
  process.exitCode = violations.length > 0 ? 1 : 0
}
