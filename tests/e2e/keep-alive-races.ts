// A provider that closes each kept connection just as the next request arrives on it:
//   node tests/e2e/keep-alive-races.ts --races 1000 --together 1
import { parseArgs } from 'node:util'
import { goodAnswer } from '../faults/upstream/retry-cell.ts'
import { openStage } from '../faults/upstream/retry-stage.ts'
import { dropNextRequest } from '../support/upstream-script.ts'
import { describeFailures, LoadClient, type Outcome, runCalls } from './load-client.ts'

export interface Races {
  /** Requests that met a connection as it was closed. */
  readonly met: number
  readonly failed: number
  readonly failures: string
  readonly calls: number
  /** How many of the calls took two attempts. */
  readonly repeated: number
}

/** Goes on until that many races were met: whole replies and streams, FIN and RST in turn. */
export async function runRaces(races: number, together: number): Promise<Races> {
  const stage = await openStage({ providers: { up: {} } })
  const outcomes: Outcome[] = []
  try {
    for (const stream of [false, true]) {
      let answered = 0
      stage.on(`race-${stream}`, () => [
        goodAnswer(stream),
        dropNextRequest(answered++ % 4 < 2 ? 'fin' : 'rst'),
      ])
    }
    await using client = new LoadClient(stage.gateway.url)
    while (stage.upstream.dropped.length < races)
      outcomes.push(
        ...(await runCalls(together * 4, together, (index) => {
          const stream = index % 2 === 1
          return client.call(`up/race-${stream}`, stream)
        })),
      )
  } finally {
    await stage.close()
  }
  const failed = outcomes.filter(({ isWhole }) => !isWhole)
  return {
    met: stage.upstream.dropped.length,
    failed: failed.length,
    failures: describeFailures(outcomes),
    calls: outcomes.length,
    repeated: outcomes.filter(({ attempts }) => attempts === 2).length,
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      races: { type: 'string', default: '1000' },
      together: { type: 'string', default: '1' },
    },
  })
  const races = await runRaces(Number(values.races), Number(values.together))
  console.log(
    `${races.met} races in ${races.calls} calls, ${values.together} at a time: ` +
      `${races.repeated} took two attempts, ${races.failed} failed (${races.failures})`,
  )
  process.exitCode = races.failed > 0 ? 1 : 0
}
