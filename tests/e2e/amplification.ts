// Every call fails upstream: how many upstream calls are made for each of the clients'.
//   node tests/e2e/amplification.ts --seconds 5 --together 50
import { parseArgs } from 'node:util'
import { openStage, type Stage } from '../faults/upstream/retry-stage.ts'
import { openaiError } from '../support/upstream-openai.ts'
import * as script from '../support/upstream-script.ts'
import { LoadClient } from './load-client.ts'

interface Case {
  readonly name: string
  readonly model: string
  /** How long the provider takes to fail. */
  readonly failsAfterMs: number
  /** Each of them is asked for its own: another target is not more of the same. */
  readonly targets: number
}

export const cases: readonly Case[] = [
  { name: 'one key, fails at once', model: 'one/at-once', failsAfterMs: 0, targets: 1 },
  { name: 'one key, fails after 100 ms', model: 'one/later', failsAfterMs: 100, targets: 1 },
  {
    name: 'three keys, fail after 100 ms',
    model: 'three/later-keys',
    failsAfterMs: 100,
    targets: 1,
  },
  { name: 'a target and a fallback, 100 ms', model: 'chain', failsAfterMs: 100, targets: 2 },
]

export interface Amplification {
  readonly clientCalls: number
  readonly upstreamCalls: number
  /** What one target is asked for each call of a client. */
  readonly factor: number
}

/** Backoff is the default, since it decides how many repeats are under way at once. */
export const openFailing = (): Promise<Stage> => {
  const fields = { retries: {} }
  return openStage({
    providers: {
      one: { fields },
      three: { keys: ['k1', 'k2', 'k3'], fields },
      other: { fields },
    },
    models: { chain: { targets: [{ model: 'one/chain' }], fallbacks: ['other/chain'] } },
  })
}

/** Keeps so many calls under way until the time is over; those begun in the first fifth do not count. */
export async function measure(
  stage: Stage,
  { model, failsAfterMs, targets }: Case,
  durationMs: number,
  together: number,
): Promise<Amplification> {
  const failure = script.json(503, openaiError('down'))
  stage.on(model.split('/').at(-1) as string, () =>
    failsAfterMs > 0 ? [script.wait(failsAfterMs), failure] : failure,
  )
  await using client = new LoadClient(stage.gateway.url)
  let [upstreamCalls, clientCalls] = [0, 0]
  const began = performance.now()
  const worker = async (): Promise<void> => {
    for (;;) {
      const passedMs = performance.now() - began
      if (passedMs > durationMs) return
      const { attempts } = await client.call(model)
      if (passedMs < durationMs / 5) continue
      clientCalls++
      upstreamCalls += attempts
    }
  }
  await Promise.all(Array.from({ length: together }, worker))
  return { clientCalls, upstreamCalls, factor: upstreamCalls / clientCalls / targets }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '5' },
      together: { type: 'string', default: '50' },
    },
  })
  const stage = await openFailing()
  try {
    for (const each of cases) {
      const got = await measure(stage, each, Number(values.seconds) * 1000, Number(values.together))
      console.log(
        `${each.name}: ${got.upstreamCalls} upstream calls for ${got.clientCalls} of clients, ` +
          `${got.factor.toFixed(2)} each`,
      )
    }
  } finally {
    await stage.close()
  }
}
