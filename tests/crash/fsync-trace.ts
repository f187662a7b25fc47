// Looks at the gateway's system calls: is a job on the disk before its submit is answered, and a result before a poll is?
//   node tests/crash/fsync-trace.ts --jobs 20
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startGateway } from '../support/start-gateway.ts'
import { attachStrace } from './attach-strace.ts'
import { Chance } from './chance.ts'
import { crashConfig, makeCases, nativePath, submitCase } from './crash-case.ts'
import { JobClient } from './job-client.ts'
import { startJobUpstream } from './job-upstream.ts'
import { brokenOrders, readTrace } from './sync-order.ts'

const traced = 'fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg'
/** What the provider says to one job alone. */
const answerIn = /answer \d+ to r\d+-\d+/

interface TraceOutcome {
  /** Why nothing could be looked at; null: it was. */
  readonly skipped: string | null
  readonly acknowledged: number
  readonly results: number
  readonly violations: readonly string[]
}

/** Submits jobs to a gateway whose system calls are watched, and waits for each; a few at a time so that commits are shared. */
export async function traceJobs(jobs: number): Promise<TraceOutcome> {
  const nothing = { acknowledged: 0, results: 0, violations: [] }
  const chance = new Chance(1)
  await using upstream = await startJobUpstream(chance)
  await using gateway = await startGateway({ config: crashConfig(upstream.url) })
  const file = join(gateway.dataDir, 'trace.txt')
  const args = ['-y', '-s', '8192', '-e', `trace=${traced}`, '-o', file]
  const strace = await attachStrace(gateway.pid, args)
  if (typeof strace === 'string') return { ...nothing, skipped: strace }
  const client = new JobClient(gateway.url)
  const waiting = makeCases(1, jobs, chance)
  const ids: string[] = []
  const results: string[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const id = await submitCase(client, next, { isRepeat: false, onWritten: () => {} })
      ids.push(id)
      const { text } = await client.send('GET', `${nativePath}/${id}`, {
        key: next.key,
        headers: { 'x-bf-async-wait': '10' },
      })
      results.push(answerIn.exec(text)?.[0] ?? `the result of ${id}`)
    }
  }
  await Promise.all([work(), work(), work(), work()])
  client.close()
  await strace.stop()
  const violations = brokenOrders(readTrace(readFileSync(file, 'utf8')), [...ids, ...results])
  return { skipped: null, acknowledged: ids.length, results: results.length, violations }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { jobs: { type: 'string', default: '20' } } })
  const { skipped, acknowledged, results, violations } = await traceJobs(Number(values.jobs))
  if (skipped !== null) console.log(`skipped: ${skipped}`)
  else
    console.log(
      `${acknowledged} acknowledgements, ${results} results, ${violations.length} violations`,
    )
  for (const violation of violations) console.log(`VIOLATION ${violation}`)
  process.exitCode = violations.length > 0 ? 1 : 0
}
