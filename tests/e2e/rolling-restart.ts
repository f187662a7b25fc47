// Two gateways behind a balancer are restarted in turn under load:
//   node tests/e2e/rolling-restart.ts --restarts 20 --plain 16 --streams 16
import { parseArgs } from 'node:util'
import { finish, role, text, usageChunk } from '../faults/upstream/chunks.ts'
import { goodAnswer } from '../faults/upstream/retry-cell.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'
import { openBalancer } from './balancer.ts'
import { describeFailures, LoadClient, type Outcome } from './load-client.ts'

export interface RollingOptions {
  readonly restarts: number
  readonly plain: number
  readonly streams: number
  readonly say?: (text: string) => void
}

export interface Rolled {
  readonly restarts: number
  readonly plain: readonly Outcome[]
  readonly streams: readonly Outcome[]
  /** How long each gateway took to end. */
  readonly endedMs: readonly number[]
}

const events = 20
const everyMs = 50

/** Streams last a second, a tenth of the grace. */
export async function runRolling({
  restarts,
  plain,
  streams,
  say,
}: RollingOptions): Promise<Rolled> {
  await using upstream = await startUpstream()
  upstream.on('plain', [script.wait(20), goodAnswer(false)])
  const words = Array.from({ length: events }, (_, at) => text(`${at} `))
  const all = [role, ...words, finish(), usageChunk(3, events)]
  upstream.on('stream', script.sse(all, { everyMs }))
  const config = configFor(upstream.url)
  const gateways: Gateway[] = [await startGateway({ config }), await startGateway({ config })]
  const outcomes = { plain: [] as Outcome[], streams: [] as Outcome[] }
  const endedMs: number[] = []
  let isOver = false
  try {
    await using balancer = await openBalancer()
    for (const { url } of gateways) await balancer.add(url)
    await using client = new LoadClient(balancer.origin, plain + streams)
    const keepOn = async (model: 'plain' | 'stream'): Promise<void> => {
      while (!isOver) {
        const isStream = model === 'stream'
        const outcome = await client.call(`up/${model}`, isStream)
        outcomes[isStream ? 'streams' : 'plain'].push(outcome)
      }
    }
    const workers = [
      ...Array.from({ length: plain }, () => keepOn('plain')),
      ...Array.from({ length: streams }, () => keepOn('stream')),
    ]
    try {
      for (let restart = 0; restart < restarts; restart++) {
        const old = gateways.shift() as Gateway
        const began = performance.now()
        const [next] = await Promise.all([
          old.stop('SIGTERM').then(() => {
            endedMs.push(performance.now() - began)
            return startGateway({ config })
          }),
          balancer.leave(old.url),
        ])
        gateways.push(next)
        await balancer.add(next.url)
        say?.(
          `${restart + 1} of ${restarts}: ${describeFailures([...outcomes.plain, ...outcomes.streams])}`,
        )
      }
    } finally {
      isOver = true
      await Promise.all(workers)
    }
  } finally {
    for (const gateway of gateways) await gateway.stop('SIGINT')
  }
  return { restarts, ...outcomes, endedMs }
}

const configFor = (url: string): object => ({
  version: 1,
  server: { drain: { delay: '2s', grace: '10s' } },
  auth: { inference: 'optional' },
  providers: { up: { type: 'openai-compatible', base_url: `${url}/v1` } },
})

const failedOf = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ isWhole }) => !isWhole).length

export const cutOf = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ isWhole, status }) => !isWhole && status === 200).length

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      restarts: { type: 'string', default: '20' },
      plain: { type: 'string', default: '16' },
      streams: { type: 'string', default: '16' },
    },
  })
  const rolled = await runRolling({
    restarts: Number(values.restarts),
    plain: Number(values.plain),
    streams: Number(values.streams),
    say: console.error,
  })
  const { plain, streams, endedMs } = rolled
  console.log(
    `${rolled.restarts} restarts; ${plain.length} plain calls, ${failedOf(plain)} failed ` +
      `(${describeFailures(plain)}); ${streams.length} streams, ${failedOf(streams)} failed, of which ` +
      `${cutOf(streams)} cut (${describeFailures(streams)})`,
  )
  console.log(`the slowest gateway took ${Math.max(...endedMs).toFixed(0)} ms to end`)
  process.exitCode = failedOf(plain) + failedOf(streams) > 0 ? 1 : 0
}
