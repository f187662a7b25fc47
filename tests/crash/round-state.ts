import type { Chance } from './chance.ts'
import type { CrashCase } from './crash-case.ts'
import type { CrashHome } from './crash-home.ts'
import type { JobRow } from './job-rows.ts'
import type { JobUpstream } from './job-upstream.ts'
import type { KillReport } from './kill-report.ts'

export interface RoundPlan {
  readonly number: number
  readonly jobs: number
  readonly home: CrashHome
  readonly upstream: JobUpstream
  readonly chance: Chance
  readonly report: KillReport
  /** Results of earlier rounds on the same data folder, by the job's id. */
  readonly history: Map<string, { readonly key: string; readonly text: string }>
}

/** What a round has come to know, for the checks at its end. */
export interface RoundState extends RoundPlan {
  readonly cases: readonly CrashCase[]
  /** Every id of a job of this round, from answers and from the database. */
  readonly ids: Map<CrashCase, Set<string>>
  /** What the processes that were killed said. */
  readonly logs: string[]
  /** Of the rows at the last kill, those that a run has still to end. */
  unfinished: readonly JobRow[]
  readonly killTimes: number[]
  /** Whether the gateway was told to end: from then on it may refuse. */
  isDraining: boolean
  /** When the round is over. */
  readonly afterwards: (() => void)[]
  readonly fail: (what: string) => void
}
