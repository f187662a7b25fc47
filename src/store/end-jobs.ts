import { sql } from 'kysely'
import { isKept, isRunning, isUnfinished } from './job-rows.ts'
import type { Claim, JobEnd } from './job-store.ts'
import { build } from './query-builder.ts'
import { change, rows, type Steps } from './steps.ts'

export function* finishJob(claim: Claim, end: JobEnd, now: number): Steps<boolean> {
  const query = ending(end, now)
    .where('id', '=', claim.id)
    .where('fence', '=', claim.fence)
    .where(isRunning)
  if ((yield* change(query)) === 0) return false
  yield* replaceBody(claim.id, end)
  return true
}

export function* cancelJob(
  id: string,
  owner: string | null,
  end: JobEnd,
  now: number,
): Steps<'cancelled' | 'final' | 'unknown'> {
  let query = ending(end, now)
    // Whoever works on it holds a fence that is no longer the job's.
    .set((job) => ({ fence: job('fence', '+', 1) }))
    .where('id', '=', id)
    .where(isUnfinished)
  if (owner !== null) query = query.where('owner', '=', owner)
  if ((yield* change(query)) === 1) {
    yield* replaceBody(id, end)
    return 'cancelled'
  }
  let found = build
    .selectFrom('jobs')
    .select('jobs.id')
    .where('jobs.id', '=', id)
    .where(isKept(now))
  if (owner !== null) found = found.where('jobs.owner', '=', owner)
  return (yield* rows(found)).length === 0 ? 'unknown' : 'final'
}

const ending = (end: JobEnd, now: number) =>
  build.updateTable('jobs').set((job) => ({
    state: end.state,
    status_code: end.statusCode,
    error_code: end.errorCode,
    completed_at: now,
    expires_at: job('ttl_ms', '+', now),
    node: null,
    lease_until: null,
  }))

function* replaceBody(id: string, end: JobEnd): Steps<void> {
  yield* change(build.insertInto('job_results').values({ job_id: id, bytes: end.result }))
  yield* change(build.deleteFrom('job_bodies').where('job_id', '=', id))
}

export function* sweepJobs(most: number, now: number): Steps<number> {
  const expired = build
    .selectFrom('jobs')
    .select('jobs.id')
    .where('jobs.expires_at', '<=', now)
    .orderBy('jobs.expires_at')
    .limit(most)
  // Their results go with them.
  const jobs = yield* change(build.deleteFrom('jobs').where('id', 'in', expired))
  const over = build
    .selectFrom('idempotency_keys')
    .select(['owner', 'route', 'name'])
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .limit(most - jobs)
  const keys = yield* change(
    build.deleteFrom('idempotency_keys').where(sql<boolean>`(owner, route, name) in ${over}`),
  )
  return jobs + keys
}
