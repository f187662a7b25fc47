import { type CrashCase, isInterrupted } from './crash-case.ts'
import type { JobRow, StoredJobs } from './job-rows.ts'
import type { Phase } from './kill-report.ts'
import type { RoundState } from './round-state.ts'

/** Sorts the jobs into phases, and finds what is lost or there twice. */
export function noteRows(
  state: RoundState,
  { rows, strays, due }: StoredJobs,
  seen: ReadonlyMap<string, readonly string[]>,
): Phase[] {
  const { cases, ids, fail, report } = state
  if (strays > 0) fail(`${strays} rows are left of something that was done by half`)
  const byModel = Map.groupBy(rows, ({ model }) => model)
  const found: Phase[] = []
  const unfinished: JobRow[] = []
  for (const each of cases) {
    if (!each.isWritten) continue
    const own = byModel.get(`sim/${each.model}`) ?? []
    for (const { id } of own) ids.get(each)?.add(id)
    const [row] = own
    if (!row) {
      const isGone = mayBeGone(each, state)
      if (each.acknowledgedId && !isGone)
        fail(`${each.model} was acknowledged and is not in the database`)
      found.push(
        each.acknowledgedId && isGone
          ? 'removed, its time was over'
          : 'submitted, before the commit',
      )
      continue
    }
    const sent = (seen.get(each.model) ?? [])[each.dispatchedKills]
    found.push(phaseOf(row, each, sent))
    noteInterruption(each, row, state)
    if (each.cancel === 'cancelled' && row.errorCode !== 'job_cancelled')
      fail(`${each.model} was cancelled and is ${row.state} (${row.errorCode})`)
    const isFinal = row.state === 'succeeded' || row.state === 'failed'
    if (!isFinal && !isInterrupted(each)) unfinished.push(row)
  }
  state.unfinished = unfinished
  if (due > 0) report.sweeps++
  return found
}

/** Only what has ended may be gone, and only where it was to be kept for a moment. */
export function mayBeGone(each: CrashCase, { upstream }: Pick<RoundState, 'upstream'>): boolean {
  const wasAnswered = upstream.of(each.model).some(({ state }) => state === 'answered')
  const hasEnded = wasAnswered || each.cancel !== 'none' || isInterrupted(each)
  return each.ttlS !== null && (hasEnded || each.failsOnInterrupt)
}

/** A drain that has cut a job hands it back: only its attempts tell that it was under way. */
function noteInterruption(each: CrashCase, row: JobRow, { upstream, isDraining }: RoundState) {
  const sent = upstream.of(each.model).length
  if (row.state === 'dispatched') each.dispatchedKills++
  else if (row.errorCode === 'job_interrupted')
    each.dispatchedKills = Math.max(1, each.dispatchedKills)
  else if (isDraining && row.state === 'queued')
    each.dispatchedKills = Math.max(each.dispatchedKills, Math.min(sent, row.attempt))
}

function phaseOf(
  { state }: JobRow,
  { acknowledgedId, cancel }: CrashCase,
  sent: string | undefined,
): Phase {
  if (cancel === 'sent') return 'DELETE under way'
  if (state === 'queued') return acknowledgedId === null ? 'queued, not acknowledged' : 'queued'
  if (state === 'leased') return 'leased'
  if (state !== 'dispatched') return 'done'
  if (sent === 'answered') return 'answer sent, before the settle'
  return sent === 'half' ? 'answer half sent' : 'dispatched'
}
