// Polls jobs as fast as it can while others are at work, and measures what that costs:
//   node tests/faults/jobs/poll-storm.ts [--connections 32] [--seconds 5]
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { heldModel, submitted } from '../../contract/job-client.ts'
import { chat, keys } from '../../contract/stage.ts'
import { JobClient } from '../../crash/job-client.ts'
import { JobGateway } from './job-gateway.ts'

const tickMs = 10

/** CPU time of a process by the names of its threads. */
function threadTimesMs(pid: number): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')
    const name =
      Number(task) === pid ? 'main' : stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ms = (Number(fields[11]) + Number(fields[12])) * tickMs
    times.set(name, (times.get(name) ?? 0) + ms)
  }
  return times
}

async function storm(connections: number, seconds: number): Promise<boolean> {
  await using stage = await JobGateway.open({ jobs: { concurrency: 4 } })
  const { gateway, upstream } = stage
  const held = heldModel(upstream)
  const id = await submitted(gateway, chat(held.model))
  await held.arrived()
  const client = new JobClient(gateway.url)
  const before = threadTimesMs(gateway.pid)
  const since = performance.now()
  const took: number[] = []
  const wrong = new Set<string>()
  let done = 0
  const isOver = (): boolean => performance.now() - since > seconds * 1000
  const polling = async (): Promise<void> => {
    while (!isOver()) {
      const at = performance.now()
      const { status, headers } = await client.send('POST', '/v1/chat/completions', {
        key: keys.open,
        headers: { 'x-bf-async-id': id },
      })
      took.push(performance.now() - at)
      if (
        status !== 200 ||
        headers['x-bf-async-status'] !== 'processing' ||
        headers['retry-after'] !== '1'
      )
        wrong.add(`${status} ${headers['x-bf-async-status']}`)
    }
  }
  const working = async (): Promise<void> => {
    while (!isOver()) {
      await client.send('POST', '/v1/async/chat/completions', {
        key: keys.open,
        headers: { 'x-bf-async-wait': '10' },
        body: chat('openai/at-work'),
      })
      done++
    }
  }
  await Promise.all([working(), ...Array.from({ length: connections }, polling)])
  const tookS = (performance.now() - since) / 1000
  client.close()
  took.sort((a, b) => a - b)
  const at = (share: number): string =>
    (took[Math.floor((took.length - 1) * share)] ?? 0).toFixed(1)
  console.log(
    `${(took.length / tookS).toFixed(0)} polls/s over ${connections} connections: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms; ${(done / tookS).toFixed(0)} jobs/s one after the other meanwhile`,
  )
  for (const [name, ms] of threadTimesMs(gateway.pid)) {
    const share = (ms - (before.get(name) ?? 0)) / 1000 / tookS
    if (share > 0.005) console.log(`  thread ${name}: ${(share * 100).toFixed(0)} % of a core`)
  }
  for (const answer of wrong) console.log(`WRONG ${answer}`)
  held.release()
  return wrong.size === 0 && done > 0
}

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '5' },
  },
})
process.exitCode = (await storm(Number(values.connections), Number(values.seconds))) ? 0 : 1
