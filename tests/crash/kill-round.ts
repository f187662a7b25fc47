import type { Gateway } from '../support/start-gateway.ts'
import {
  type CrashCase,
  isInterrupted,
  makeCases,
  RefusedSubmit,
  submitCase,
} from './crash-case.ts'
import { JobClient } from './job-client.ts'
import { type JobRow, readJobRows } from './job-rows.ts'
import { checkRound } from './kill-checks.ts'
import { type KillMoment, MomentWatch, pickMoment } from './kill-moment.ts'
import type { Phase } from './kill-report.ts'
import type { RoundPlan, RoundState } from './round-state.ts'

/** Submits, kills, starts again, checks. Answers the gateway that runs at the end. */
export async function runKillRound(started: Gateway, plan: RoundPlan): Promise<Gateway> {
  const { number, jobs, chance, report } = plan
  const cases = makeCases(number, jobs, chance)
  const state: RoundState = {
    ...plan,
    cases,
    ids: new Map(cases.map((each) => [each, new Set<string>()])),
    logs: [],
    unfinished: [],
    killTimes: [],
    afterwards: [],
    fail: (what) => void report.violations.push(`round ${number}: ${what}`),
  }
  const moment = pickMoment(chance, jobs)
  const watch = watchFor(state, moment)
  const client = new JobClient(started.url)
  const submitting = submitAll(client, state, watch)
  let gateway = await killAndRestart(started, state, moment, watch, submitting)
  client.close()
  if (chance.happens(0.25)) {
    const again: KillMoment = { kind: 'time', count: 1, afterMs: chance.below(150) }
    gateway = await killAndRestart(gateway, state, again, watchFor(state, again))
  }
  await checkRound(gateway, state)
  report.rounds++
  return gateway
}

function watchFor({ upstream }: RoundPlan, moment: KillMoment): MomentWatch {
  const watch = new MomentWatch(moment)
  upstream.onEvent = (event) => watch.note(event)
  return watch
}

/** All at once, or a few at a time: the first finds full batches, the second every phase at the same time. */
async function submitAll(
  client: JobClient,
  { cases, chance, ids, fail }: RoundState,
  watch: MomentWatch,
): Promise<void> {
  const waiting = [...cases]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const onWritten = () => watch.note('written')
      try {
        next.acknowledgedId = await submitCase(client, next, { isRepeat: false, onWritten })
        ids.get(next)?.add(next.acknowledgedId)
        watch.note('acknowledged')
      } catch (thrown) {
        if (thrown instanceof RefusedSubmit) fail(thrown.message)
      }
    }
  }
  await Promise.all(Array.from({ length: chance.happens(0.5) ? cases.length : 6 }, work))
}

async function killAndRestart(
  gateway: Gateway,
  state: RoundState,
  moment: KillMoment,
  watch: MomentWatch,
  submitting: Promise<void> = Promise.resolve(),
): Promise<Gateway> {
  const { upstream, report, cases } = state
  await watch.reached
  const seen = new Map(
    cases.map(({ model }) => [model, upstream.of(model).map((each) => each.state)]),
  )
  await gateway.kill()
  // What was acknowledged before the end may still be on its way here.
  await submitting
  state.logs.push(gateway.stderr())
  const rows = readJobRows(gateway.dataDir)
  report.noteKill(moment.kind, noteRows(state, rows, seen))
  state.killTimes.push(performance.now())
  const restarted = await gateway.restart()
  if (state.unfinished.length > 0) noteRecovery(state, performance.now())
  return restarted
}

/** Sorts the jobs into phases, and finds what is lost or there twice. */
function noteRows(
  state: RoundState,
  rows: readonly JobRow[],
  seen: ReadonlyMap<string, readonly string[]>,
): Phase[] {
  const { cases, ids, fail } = state
  const byModel = Map.groupBy(rows, ({ model }) => model)
  const found: Phase[] = []
  const unfinished: JobRow[] = []
  for (const each of cases) {
    if (!each.isWritten) continue
    const own = byModel.get(`sim/${each.model}`) ?? []
    for (const { id } of own) ids.get(each)?.add(id)
    const [row] = own
    if (!row) {
      if (each.acknowledgedId) fail(`${each.model} was acknowledged and is not in the database`)
      found.push('submitted, before the commit')
      continue
    }
    const sent = (seen.get(each.model) ?? [])[each.dispatchedKills]
    found.push(phaseOf(row, each, sent))
    if (row.state === 'dispatched') each.dispatchedKills++
    const isFinal = row.state === 'succeeded' || row.state === 'failed'
    if (!isFinal && !isInterrupted(each)) unfinished.push(row)
  }
  state.unfinished = unfinished
  return found
}

function phaseOf(
  { state }: JobRow,
  { acknowledgedId }: CrashCase,
  sent: string | undefined,
): Phase {
  if (state === 'queued') return acknowledgedId === null ? 'queued, not acknowledged' : 'queued'
  if (state === 'leased') return 'leased'
  if (state !== 'dispatched') return 'done'
  if (sent === 'answered') return 'answer sent, before the settle'
  return sent === 'half' ? 'answer half sent' : 'dispatched'
}

/** Told by the provider's first request after the kill, which comes while the round goes on. */
function noteRecovery(state: RoundState, listeningAt: number): void {
  const { upstream, report, unfinished, killTimes } = state
  const models = unfinished.map(({ model }) => model.slice('sim/'.length))
  const kill = killTimes.length - 1
  state.afterwards.push(() => {
    const again = models.flatMap((model) => upstream.of(model).map((each) => each.receivedAt))
    const [from = 0, until = Number.POSITIVE_INFINITY] = killTimes.slice(kill)
    const firstAt = Math.min(...again.filter((at) => at > from))
    // Killed again before it could begin, it says nothing.
    if (firstAt < until) report.recoveriesMs.push(Math.max(0, firstAt - listeningAt))
  })
}
