import type { JobState } from '../core/job.ts'
import { finishJob } from './end-jobs.ts'
import { isRunning } from './job-rows.ts'
import type { Claim, InterruptionEnds, Recovered } from './job-store.ts'
import { build } from './query-builder.ts'
import type { JobsTable } from './schema.ts'
import { alone, change, rows, type Steps } from './steps.ts'

/** Three beats of 10 s. */
const silenceMs = 30_000
const batch = 500

export function* sayAlive(node: string, now: number): Steps<void> {
  yield* change(
    build
      .insertInto('nodes')
      .values({ id: node, beat_at: now })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ beat_at: now })),
  )
}

export function* keepJobs(
  node: string,
  held: readonly Claim[],
  leaseUntil: number,
  now: number,
): Steps<readonly string[]> {
  yield* sayAlive(node, now)
  if (held.length === 0) return []
  // Only what it says it holds: a claim whose answer never arrived must run out.
  const query = build
    .updateTable('jobs')
    .set({ lease_until: leaseUntil })
    .where('node', '=', node)
    .where(isRunning)
    .where(
      'id',
      'in',
      held.map(({ id }) => id),
    )
    .returning(['id', 'fence'])
  const fences = new Map((yield* rows(query)).map(({ id, fence }) => [id, fence]))
  return held.filter(({ id, fence }) => fences.get(id) !== fence).map(({ id }) => id)
}

export function* handBackJob(claim: Claim, ends: InterruptionEnds, now: number): Steps<boolean> {
  const query = build
    .selectFrom('jobs')
    .select(heldColumns)
    .where('id', '=', claim.id)
    .where('fence', '=', claim.fence)
    .where(isRunning)
  const job = (yield* rows(query))[0]
  if (!job) return false
  if (job.state === 'leased') return yield* requeue(job, job.attempt - 1)
  const fate = fateOf(job)
  if (fate === 'requeued') return yield* requeue(job, job.attempt)
  return yield* finishJob(claim, ends[fate], now)
}

export function* recoverJobs(
  node: string,
  isAlone: boolean,
  ends: InterruptionEnds,
  now: number,
): Steps<Recovered> {
  // What is taken back here must not be claimed anew in between.
  yield* alone('claims')
  const count = { requeued: 0, interrupted: 0, poisoned: 0 }
  for (;;) {
    const orphans = yield* rows(selectOrphans(node, isAlone, now))
    const rerun = orphans.filter((job) => fateOf(job) === 'requeued')
    for (const state of ['leased', 'dispatched'] as const)
      count.requeued += yield* requeueAll(rerun, state)
    for (const job of orphans) {
      const fate = fateOf(job)
      if (fate !== 'requeued' && (yield* finishJob(job, ends[fate], now))) count[fate]++
    }
    if (orphans.length < batch) break
  }
  yield* change(
    build
      .deleteFrom('nodes')
      .where('id', '<>', node)
      .where('beat_at', '<=', now - silenceMs),
  )
  return count
}

type HeldRow = Pick<
  JobsTable,
  'id' | 'fence' | 'state' | 'attempt' | 'max_attempts' | 'on_interrupt'
>
const heldColumns = [
  'jobs.id',
  'jobs.fence',
  'jobs.state',
  'jobs.attempt',
  'jobs.max_attempts',
  'jobs.on_interrupt',
] as const

function fateOf(job: HeldRow): keyof Recovered {
  if (job.state === 'dispatched' && job.on_interrupt === 'fail') return 'interrupted'
  return job.attempt >= job.max_attempts ? 'poisoned' : 'requeued'
}

function selectOrphans(node: string, isAlone: boolean, now: number) {
  const silent = build
    .selectFrom('nodes')
    .select('nodes.id')
    .where('beat_at', '<=', now - silenceMs)
  return build
    .selectFrom('jobs')
    .select(heldColumns)
    .where(isRunning)
    .where((job) =>
      job.or([
        job('lease_until', '<=', now),
        isAlone ? job('node', '<>', node) : job('node', 'in', silent),
      ]),
    )
    .limit(batch)
}

/** Those that are still in `state`: one that was sent a moment ago may have another fate. */
function* requeueAll(jobs: readonly HeldRow[], state: JobState): Steps<number> {
  const ids = jobs.filter((job) => job.state === state).map(({ id }) => id)
  if (ids.length === 0) return 0
  return yield* change(requeuing.where('id', 'in', ids).where('state', '=', state))
}

/** False: it is no longer as it was read. */
function* requeue(job: HeldRow, attempt: number): Steps<boolean> {
  const query = requeuing
    .set({ attempt })
    .where('id', '=', job.id)
    .where('fence', '=', job.fence)
    .where('state', '=', job.state)
  return (yield* change(query)) === 1
}

const requeuing = build.updateTable('jobs').set({ state: 'queued', node: null, lease_until: null })
