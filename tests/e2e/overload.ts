// Five times as many calls as the gateway may hold: how much is still answered, and how quickly the rest is refused.
//   node tests/e2e/overload.ts --seconds 10
import { parseArgs } from 'node:util'
import { goodAnswer } from '../faults/upstream/retry-cell.ts'
import { startGateway } from '../support/start-gateway.ts'
import { startUpstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'
import { LoadClient, type Outcome, quantileMs } from './load-client.ts'

export interface Overload {
  /** Good answers per second with as many callers as there are places. */
  readonly peak: number
  /** The same while five times as many calls come, whether the ones before are answered or not. */
  readonly goodput: number
  readonly refused: number
  /** Neither answered nor refused as overloaded. */
  readonly others: readonly Outcome[]
  readonly refusedMs: { readonly p50: number; readonly p99: number }
}

const places = 32
const answerMs = 200

export async function runOverload(seconds: number): Promise<Overload> {
  await using upstream = await startUpstream()
  upstream.on('slow', [script.wait(answerMs), goodAnswer(false)])
  const gateway = await startGateway({
    config: {
      version: 1,
      server: { max_in_flight: { plain: places, streams: places } },
      auth: { inference: 'optional' },
      providers: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
    },
  })
  try {
    await using client = new LoadClient(gateway.url, 400)
    const call = (): Promise<Outcome> => client.call('up/slow')
    await Promise.all(Array.from({ length: places }, call))
    const peak = await closedLoop(call, seconds)
    const { answered, refused, others } = await openLoop(call, 5 * peak, seconds)
    return {
      peak,
      goodput: answered / seconds,
      refused: refused.length,
      others,
      refusedMs: { p50: quantileMs(refused, 0.5), p99: quantileMs(refused, 0.99) },
    }
  } finally {
    await gateway.stop('SIGINT')
  }
}

/** Good answers per second where each caller waits for its answer before it asks again. */
async function closedLoop(call: () => Promise<Outcome>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000
  let good = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < end) if ((await call()).isWhole) good++
  }
  await Promise.all(Array.from({ length: places }, worker))
  return good / seconds
}

async function openLoop(call: () => Promise<Outcome>, perSecond: number, seconds: number) {
  const began = performance.now()
  const all: Promise<Outcome>[] = []
  for (let due = 0; due < seconds * 1000; due += 1000 / perSecond) {
    const waitMs = began + due - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    all.push(call())
  }
  const outcomes = await Promise.all(all)
  const isRefused = ({ status, code }: Outcome): boolean => status === 503 && code === 'overloaded'
  return {
    answered: outcomes.filter(({ isWhole }) => isWhole).length,
    refused: outcomes.filter(isRefused),
    others: outcomes.filter((each) => !each.isWhole && !isRefused(each)),
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } })
  const { peak, goodput, refused, others, refusedMs } = await runOverload(Number(values.seconds))
  console.log(`as many callers as places: ${peak.toFixed(0)} answers/s`)
  console.log(
    `five times as many calls:  ${goodput.toFixed(0)} answers/s (${((100 * goodput) / peak).toFixed(0)} %), ` +
      `${refused} refused after ${refusedMs.p50.toFixed(1)} ms (p50), ${refusedMs.p99.toFixed(1)} ms (p99), ` +
      `${others.length} otherwise`,
  )
  process.exitCode = goodput < 0.9 * peak || others.length > 0 ? 1 : 0
}
