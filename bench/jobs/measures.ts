import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../statistics.ts'
import {
  callChat,
  holdAnswers,
  type Owner,
  owners,
  readCounts,
  type Stage,
  totalOf,
} from './stage.ts'

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly count: number
}

const latencyOf = (valuesMs: readonly number[]): Latency => ({
  p50Ms: quantile(valuesMs, 0.5),
  p99Ms: quantile(valuesMs, 0.99),
  count: valuesMs.length,
})

/** What the disk alone takes: 4 KiB and a sync, over and over, where the gateway's data is. */
function measureDisk({ work }: Stage, seconds: number): readonly number[] {
  const fd = fs.openSync(path.join(work, 'disk'), 'w')
  const page = Buffer.alloc(4096, 'x')
  const valuesMs: number[] = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const beganAt = performance.now()
    fs.writeSync(fd, page)
    fs.fdatasyncSync(fd)
    valuesMs.push(performance.now() - beganAt)
  }
  fs.closeSync(fd)
  return valuesMs
}

const warmS = 2

export async function measureSubmits(stage: Stage, perSecond: number, seconds: number) {
  await submitSteadily(stage, perSecond, warmS)
  const disk = [...measureDisk(stage, seconds / 10)]
  const submit = latencyOf(await submitSteadily(stage, perSecond, seconds))
  disk.push(...measureDisk(stage, seconds / 10))
  return { submit, disk: latencyOf(disk) }
}

/** Open loop: each submit is due at its time, and its latency counts from then. Resolves once all jobs are done. */
async function submitSteadily(
  stage: Stage,
  perSecond: number,
  seconds: number,
): Promise<readonly number[]> {
  const before = totalOf(await readCounts(stage))
  const valuesMs: number[] = []
  const pending: Promise<void>[] = []
  const beganAt = performance.now()
  for (let i = 0; i < perSecond * seconds; i++) {
    const dueAt = beganAt + (i * 1000) / perSecond
    const earlyMs = dueAt - performance.now()
    if (earlyMs > 0) await sleep(earlyMs)
    const submit = callChat(stage, owners[i % 3] ?? 'a', { delayMs: 20, isAsync: true })
    pending.push(submit.then(() => void valuesMs.push(performance.now() - dueAt)))
  }
  await Promise.all(pending)
  await whenAnswered(stage, before + perSecond * seconds)
  return valuesMs
}

const answerLimitMs = 120_000

/** Until the provider has answered so many requests since it began. */
async function whenAnswered(stage: Stage, count: number): Promise<void> {
  const until = performance.now() + answerLimitMs
  while (totalOf(await readCounts(stage)) < count) {
    if (performance.now() > until) throw new Error(`${count} answers have not come in time`)
    await sleep(20)
  }
}

export interface Drain {
  readonly jobs: number
  readonly seconds: number
  /** While all had work: how much more or less than a third of what was done the worst off owner had. */
  readonly points: readonly { readonly done: number; readonly shares: readonly number[] }[]
  readonly residentMb: { readonly start: number; readonly most: number; readonly end: number }
}

const submitters = 48

/** Each owner's evenly over the whole, so that those that run while answers are held are nobody's in particular. */
const mixed = (amounts: Readonly<Record<Owner, number>>): readonly Owner[] =>
  owners
    .flatMap((owner) =>
      Array.from({ length: amounts[owner] }, (_, i) => ({ owner, at: i / amounts[owner] })),
    )
    .sort((one, other) => one.at - other.at)
    .map(({ owner }) => owner)

/** Fills the queue unequally while the provider holds its answers, lets go, and watches who gets how much. */
export async function measureDrain(
  stage: Stage,
  amounts: Readonly<Record<Owner, number>>,
): Promise<Drain> {
  const startMb = stage.residentMb()
  let mostMb = startMb
  await holdAnswers(stage, true)
  const asks = [...mixed(amounts)]
  const submit = async (): Promise<void> => {
    for (let owner = asks.pop(); owner; owner = asks.pop()) {
      await callChat(stage, owner, { delayMs: 5, isAsync: true })
      mostMb = Math.max(mostMb, stage.residentMb())
    }
  }
  const jobs = asks.length
  await Promise.all(Array.from({ length: submitters }, submit))
  const before = await readCounts(stage)
  const beganAt = performance.now()
  await holdAnswers(stage, false)
  const smallest = Math.min(...owners.map((owner) => amounts[owner]))
  const points: Drain['points'][number][] = []
  for (let done = 0; done < jobs; ) {
    const counts = await readCounts(stage)
    const own = owners.map((owner) => (counts[owner] ?? 0) - (before[owner] ?? 0))
    done = own.reduce((sum, each) => sum + each, 0)
    mostMb = Math.max(mostMb, stage.residentMb())
    const nextPoint = ((points.length + 1) * smallest * 3) / 8
    if (done >= nextPoint && Math.max(...own) < smallest)
      points.push({ done, shares: own.map((each) => each / done) })
    if (performance.now() - beganAt > answerLimitMs) throw new Error(`${done} of ${jobs} are done`)
    await sleep(10)
  }
  const seconds = (performance.now() - beganAt) / 1000
  return {
    jobs,
    seconds,
    points,
    residentMb: { start: startMb, most: mostMb, end: stage.residentMb() },
  }
}

const besideJobs = 64
const jobMs = 1000

/** One synchronous call after another, in turns without jobs and with 64 that each run for a second. */
export async function measureBeside(stage: Stage, rounds: number) {
  const alone: number[] = []
  const beside: number[] = []
  await measureCalls(stage, warmS)
  for (let round = 0; round < rounds; round++) {
    alone.push(...(await measureCalls(stage, 3)))
    const before = totalOf(await readCounts(stage))
    const jobs = Array.from({ length: besideJobs * 4 }, (_, i) =>
      callChat(stage, owners[i % 3] ?? 'a', { delayMs: jobMs, isAsync: true }),
    )
    await Promise.all(jobs)
    const measured = await measureCalls(stage, 3)
    beside.push(...measured)
    await whenAnswered(stage, before + jobs.length + measured.length)
  }
  return {
    alone: latencyOf(alone),
    beside: latencyOf(beside),
    medianRatio: median(beside) / median(alone),
  }
}

async function measureCalls(stage: Stage, seconds: number): Promise<readonly number[]> {
  const valuesMs: number[] = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const beganAt = performance.now()
    await callChat(stage, 'a', { delayMs: 0, isAsync: false })
    valuesMs.push(performance.now() - beganAt)
  }
  return valuesMs
}
