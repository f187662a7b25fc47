// Kills the gateway over and over in the middle of its work on jobs, and checks that nothing was lost or done twice:
//   node tests/crash/kill-rounds.ts --rounds 200 --jobs 50 --seed N [--store postgres]
import { parseArgs } from 'node:util'
import type { Gateway } from '../support/start-gateway.ts'
import { Chance } from './chance.ts'
import { crashConfig } from './crash-case.ts'
import { type CrashHome, postgresHome, sqliteHome } from './crash-home.ts'
import { startJobUpstream } from './job-upstream.ts'
import { KillReport } from './kill-report.ts'
import { runKillRound } from './kill-round.ts'
import type { RoundPlan } from './round-state.ts'
import { type SyncedPostgres, startSyncedPostgres } from './synced-postgres.ts'

export interface KillOptions {
  readonly rounds: number
  readonly jobs: number
  readonly seed: number
  /** Absent: each gateway has a data folder of its own. */
  readonly postgres?: SyncedPostgres
  readonly say?: (text: string) => void
}

/** Every second round goes on with the jobs of the ones before; the others begin with none. */
export async function runKillRounds(options: KillOptions): Promise<KillReport> {
  const { rounds, jobs, seed, postgres, say = () => {} } = options
  const chance = new Chance(seed)
  const report = new KillReport()
  await using upstream = await startJobUpstream(new Chance(seed + 1))
  const config = crashConfig(upstream.url)
  const openHome = async (): Promise<CrashHome> =>
    postgres ? postgresHome(config, await postgres.createDatabase()) : sqliteHome(config)
  let kept: Gateway | null = null
  let keptHome: CrashHome | null = null
  const end = async (gateway: Gateway): Promise<void> => {
    await gateway.kill()
    if (report.violations.length === 0) gateway.removeFolder()
    else say(`the data is kept in ${gateway.dataDir}`)
  }
  const keptHistory: RoundPlan['history'] = new Map()
  try {
    for (let number = 1; number <= rounds; number++) {
      const isKept = number % 2 === 0
      const home: CrashHome = (isKept && keptHome) || (await openHome())
      const started = (isKept && kept) || (await home.start())
      const history: RoundPlan['history'] = isKept ? keptHistory : new Map()
      const plan = { number, jobs, home, upstream, chance, report, history }
      const ended = await runKillRound(started, plan)
      if (isKept) [kept, keptHome] = [ended, home]
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
      store: { type: 'string', default: 'sqlite' },
    },
  })
  const began = performance.now()
  await using postgres = values.store === 'postgres' ? await startSyncedPostgres() : undefined
  const options = {
    ...(postgres && { postgres }),
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
