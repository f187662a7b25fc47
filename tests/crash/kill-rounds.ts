// Kills the gateway over and over in the middle of its work on jobs, and checks that nothing was lost or done twice:
//   node tests/crash/kill-rounds.ts --rounds 200 --jobs 50 --seed N
import { parseArgs } from 'node:util'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { Chance } from './chance.ts'
import { crashConfig } from './crash-case.ts'
import { startJobUpstream } from './job-upstream.ts'
import { KillReport } from './kill-report.ts'
import { runKillRound } from './kill-round.ts'
import type { RoundPlan } from './round-state.ts'

export interface KillOptions {
  readonly rounds: number
  readonly jobs: number
  readonly seed: number
  readonly say?: (text: string) => void
}

/** Every second round goes on with the data folder of the ones before; the others begin with an empty one. */
export async function runKillRounds(options: KillOptions): Promise<KillReport> {
  const { rounds, jobs, seed, say = () => {} } = options
  const chance = new Chance(seed)
  const report = new KillReport()
  await using upstream = await startJobUpstream(new Chance(seed + 1))
  const config = crashConfig(upstream.url)
  let kept: Gateway | null = null
  const end = async (gateway: Gateway): Promise<void> => {
    await gateway.kill()
    if (report.violations.length === 0) gateway.removeFolder()
    else say(`the data is kept in ${gateway.dataDir}`)
  }
  const keptHistory: RoundPlan['history'] = new Map()
  try {
    for (let number = 1; number <= rounds; number++) {
      const isKept = number % 2 === 0
      const started = (isKept && kept) || (await startGateway({ config }))
      const history: RoundPlan['history'] = isKept ? keptHistory : new Map()
      const plan = { number, jobs, upstream, chance, report, history }
      const ended = await runKillRound(started, plan)
      if (isKept) kept = ended
      else await end(ended)
      if (report.violations.length > 0) break
      if (number % 10 === 0) say(`${number} of ${rounds} rounds, ${report.kills} kills`)
    }
  } finally {
    if (kept) await end(kept)
  }
  return report
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      jobs: { type: 'string', default: '50' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  })
  const began = performance.now()
  const options = {
    rounds: Number(values.rounds),
    jobs: Number(values.jobs),
    seed: Number(values.seed),
  }
  console.log(`seed ${options.seed}`)
  const report = await runKillRounds({ ...options, say: console.error })
  console.log(report.render())
  for (const violation of report.violations) console.log(`VIOLATION ${violation}`)
  console.log(`seed ${options.seed}, ${((performance.now() - began) / 1000).toFixed(0)} s`)
  process.exitCode = report.violations.length > 0 ? 1 : 0
}
