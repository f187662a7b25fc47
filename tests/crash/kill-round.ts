import { setTimeout as sleep } from 'node:timers/promises'
import type { Gateway } from '../support/start-gateway.ts'
import { type CrashCase, cancelCase, makeCases, RefusedSubmit, submitCase } from './crash-case.ts'
import { JobClient } from './job-client.ts'
import { checkRound } from './kill-checks.ts'
import { type KillMoment, MomentWatch, pickDrain, pickMoment } from './kill-moment.ts'
import type { RoundPlan, RoundState } from './round-state.ts'
import { noteRows } from './row-phases.ts'

/** Submits, kills, starts again, checks. Answers the gateway that runs at the end. */
export async function runKillRound(started: Gateway, plan: RoundPlan): Promise<Gateway> {
  const { number, jobs, chance, report } = plan
  const cases = makeCases(number, jobs, chance, { unkind: true })
  const state: RoundState = {
    ...plan,
    cases,
    ids: new Map(cases.map((each) => [each, new Set<string>()])),
    logs: [],
    unfinished: [],
    killTimes: [],
    isDraining: false,
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
    // Long enough at times for what is kept for a second to go meanwhile.
    const afterMs = chance.below(chance.happens(0.5) ? 150 : 1500)
    const again: KillMoment = { kind: 'time', count: 1, afterMs, drainMs: pickDrain(chance) }
    gateway = await killAndRestart(gateway, state, again, watchFor(state, again))
  }
  await checkRound(gateway, state)
  report.rounds++
  return gateway
}

function watchFor({ upstream, cases }: RoundState, moment: KillMoment): MomentWatch {
  const watch = new MomentWatch(moment)
  const ttls = new Map(cases.map(({ model, ttlS }) => [model, ttlS]))
  upstream.onEvent = (event, { model }) => {
    watch.note(event)
    const ttlS = ttls.get(model) ?? null
    if (event === 'answered' && ttlS !== null)
      setTimeout(() => watch.note('due'), ttlS * 1000).unref()
  }
  return watch
}

/** All at once, or a few at a time: the first finds full batches, the second every phase at the same time. */
async function submitAll(client: JobClient, state: RoundState, watch: MomentWatch): Promise<void> {
  const { cases, chance, ids, fail } = state
  const waiting = [...cases]
  const cancelling: Promise<void>[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const onWritten = () => watch.note('written')
      try {
        next.acknowledgedId = await submitCase(client, next, { isRepeat: false, onWritten })
        ids.get(next)?.add(next.acknowledgedId)
        watch.note('acknowledged')
        if (next.cancelAfterMs !== null) cancelling.push(cancelLater(client, state, next, watch))
      } catch (thrown) {
        if (!(thrown instanceof RefusedSubmit)) continue
        if (!(state.isDraining && thrown.status === 503)) fail(thrown.message)
      }
    }
  }
  await Promise.all(Array.from({ length: chance.happens(0.5) ? cases.length : 6 }, work))
  await Promise.all(cancelling)
}

async function cancelLater(
  client: JobClient,
  state: RoundState,
  each: CrashCase,
  watch: MomentWatch,
): Promise<void> {
  await sleep(each.cancelAfterMs ?? 0)
  try {
    const { status, text } = await cancelCase(client, each, () => watch.note('cancelled'))
    if (each.cancel === 'sent' && !(state.isDraining && status === 503))
      state.fail(`the DELETE of ${each.model} was answered with ${status}: ${text.slice(0, 300)}`)
  } catch {
    // The gateway died before it answered.
  }
}

async function killAndRestart(
  gateway: Gateway,
  state: RoundState,
  moment: KillMoment,
  watch: MomentWatch,
  submitting: Promise<void> = Promise.resolve(),
): Promise<Gateway> {
  const { upstream, report, cases, home } = state
  const died = await Promise.race([gateway.exited, watch.reached])
  if (died) {
    const how = `${died.signal ?? died.code}\n${gateway.stderr().slice(-2000)}`
    throw new Error(`round ${state.number}: the gateway ended by itself: ${how}`)
  }
  if (moment.drainMs !== null) await drainFor(gateway, state, moment.drainMs)
  const seen = new Map(
    cases.map(({ model }) => [model, upstream.of(model).map((each) => each.state)]),
  )
  await gateway.kill()
  // What was acknowledged before the end may still be on its way here.
  await submitting
  state.logs.push(gateway.stderr())
  const stored = await home.read(gateway.dataDir)
  report.noteKill(moment.kind, noteRows(state, stored, seen))
  state.isDraining = false
  state.killTimes.push(performance.now())
  const restarted = await gateway.restart()
  if (state.unfinished.length > 0) noteRecovery(state, performance.now())
  return restarted
}

/** Resolves when that time is over, or the gateway has ended before. */
async function drainFor(gateway: Gateway, state: RoundState, drainMs: number): Promise<void> {
  const { report, fail } = state
  state.isDraining = true
  process.kill(gateway.pid, 'SIGTERM')
  const over = new AbortController()
  const late = sleep(drainMs, null, { signal: over.signal }).catch(() => null)
  const ended = await Promise.race([gateway.exited, late])
  over.abort()
  report.drains[ended ? 'ended' : 'cut']++
  if (ended && ended.code !== 0)
    fail(`a drain ended with ${ended.signal ?? ended.code}:\n${gateway.stderr().slice(-2000)}`)
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
