import { type RawBuilder, sql } from 'kysely'
import type { Job, JobStatus, JobWithResult } from '../core/job.ts'
import {
  isFailed,
  isKept,
  isQueued,
  isRunning,
  isSucceeded,
  jobColumns,
  toJob,
} from './job-rows.ts'
import type { JobCounts, JobFilter } from './job-store.ts'
import { build } from './query-builder.ts'
import { rows, type Steps } from './steps.ts'

export function* findJob(id: string, now: number): Steps<JobWithResult | null> {
  const query = selectWithResult().where('jobs.id', '=', id).where(isKept(now))
  return (yield* readOne(query)) ?? null
}

/** The latest of the owner with this fingerprint, made at or after `since`. */
export function* findSameJob(
  owner: string,
  fingerprint: string,
  since: number,
  now: number,
): Steps<JobWithResult | undefined> {
  const query = selectWithResult()
    .where('jobs.owner', '=', owner)
    .where('jobs.fingerprint', '=', fingerprint)
    .where('jobs.created_at', '>=', since)
    .where(isKept(now))
    .orderBy('jobs.created_at', 'desc')
    .orderBy('jobs.id', 'desc')
    .limit(1)
  return yield* readOne(query)
}

const selectWithResult = () =>
  build
    .selectFrom('jobs')
    .leftJoin('job_results', 'job_results.job_id', 'jobs.id')
    .select([...jobColumns, 'job_results.bytes'])

function* readOne(query: ReturnType<typeof selectWithResult>): Steps<JobWithResult | undefined> {
  const row = (yield* rows(query))[0]
  return row && { ...toJob(row), result: row.bytes }
}

const hasStatus: Readonly<Record<JobStatus, RawBuilder<boolean>>> = {
  pending: isQueued,
  processing: isRunning,
  completed: isSucceeded,
  failed: isFailed,
}

export function* listJobs(filter: JobFilter, now: number): Steps<readonly Job[]> {
  const { owner, status, limit, after } = filter
  let query = build
    .selectFrom('jobs')
    .select(jobColumns)
    .where(isKept(now))
    .orderBy('jobs.created_at', 'desc')
    .orderBy('jobs.id', 'desc')
    .limit(limit)
  if (owner !== null) query = query.where('jobs.owner', '=', owner)
  if (status !== null) query = query.where(hasStatus[status])
  if (after !== null) {
    const last = build
      .selectFrom('jobs')
      .select(['id', 'owner', 'created_at'])
      .where('id', '=', after)
    const found = (yield* rows(last))[0]
    if (!found || (owner !== null && found.owner !== owner)) return []
    query = query.where(
      sql<boolean>`(jobs.created_at, jobs.id) < (${found.created_at}, ${found.id})`,
    )
  }
  return (yield* rows(query)).map(toJob)
}

export function* countJobs(): Steps<JobCounts> {
  const queued = build
    .selectFrom('jobs')
    .select((jobs) => [
      jobs.fn.countAll<number>().as('count'),
      jobs.fn.min('created_at').as('oldest'),
    ])
    .where(isQueued)
  const running = build
    .selectFrom('jobs')
    .select((jobs) => jobs.fn.countAll<number>().as('count'))
    .where(isRunning)
  const [waiting] = yield* rows(queued)
  const [taken] = yield* rows(running)
  return {
    queued: waiting?.count ?? 0,
    running: taken?.count ?? 0,
    oldestQueuedAt: waiting?.oldest ?? null,
  }
}
