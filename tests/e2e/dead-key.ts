// One of three keys of a provider is dead: what its calls notice, and what it adds to their time.
//   node tests/e2e/dead-key.ts --calls 10000 --together 20
import { parseArgs } from 'node:util'
import { goodAnswer } from '../faults/upstream/retry-cell.ts'
import { openStage, type Stage } from '../faults/upstream/retry-stage.ts'
import { openaiError } from '../support/upstream-openai.ts'
import * as script from '../support/upstream-script.ts'
import { describeFailures, LoadClient, type Outcome, quantileMs, runCalls } from './load-client.ts'

export interface DeadKey {
  readonly calls: number
  readonly failed: number
  readonly failures: string
  /** How often the dead key was still asked. */
  readonly asked: number
  readonly upstreamCalls: number
  readonly well: { readonly p50Ms: number; readonly p99Ms: number }
  readonly dead: { readonly p50Ms: number; readonly p99Ms: number }
}

/** As many calls with three keys that are well, then as many with one of them dead. Each second one is a stream. */
export async function runDeadKey(calls: number, together: number): Promise<DeadKey> {
  const stage = await openStage({ providers: { up: { keys: ['k1', 'k2', 'k3'] } } })
  try {
    await using client = new LoadClient(stage.gateway.url)
    const run = (model: string, count: number): Promise<Outcome[]> =>
      runCalls(count, together, (index) => client.call(`up/${model}`, index % 2 === 1))
    answer(stage, 'well', null)
    answer(stage, 'dead', 'up/k2')
    await run('well', Math.min(500, calls))
    const well = await run('well', calls)
    const before = stage.upstream.requests.length
    const dead = await run('dead', calls)
    return {
      calls,
      failed: dead.filter(({ isWhole }) => !isWhole).length,
      failures: describeFailures(dead),
      asked: stage.asked('dead').filter((who) => who === 'up/k2').length,
      upstreamCalls: stage.upstream.requests.length - before,
      well: { p50Ms: quantileMs(well, 0.5), p99Ms: quantileMs(well, 0.99) },
      dead: { p50Ms: quantileMs(dead, 0.5), p99Ms: quantileMs(dead, 0.99) },
    }
  } finally {
    await stage.close()
  }
}

function answer(stage: Stage, model: string, dead: string | null): void {
  const refusal = script.json(401, openaiError('Incorrect API key provided'))
  stage.on(model, (who, request) =>
    who === dead ? refusal : goodAnswer(request.field('stream') === true),
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '10000' },
      together: { type: 'string', default: '20' },
    },
  })
  const { well, dead, ...rest } = await runDeadKey(Number(values.calls), Number(values.together))
  const show = ({ p50Ms, p99Ms }: typeof well): string =>
    `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`
  console.log(
    `${rest.calls} calls, ${values.together} at a time, one of three keys dead: ${rest.failed} failed ` +
      `(${rest.failures}); ${rest.upstreamCalls} upstream calls, ${rest.asked} of them with the dead key`,
  )
  console.log(`all keys well: ${show(well)}`)
  console.log(`one key dead:  ${show(dead)}`)
  console.log(`added p99:     ${(dead.p99Ms - well.p99Ms).toFixed(1)} ms`)
  process.exitCode = rest.failed > 0 ? 1 : 0
}
