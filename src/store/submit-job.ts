import { sql } from 'kysely'
import { findJob, findSameJob } from './find-jobs.ts'
import { isQueued, isUnfinished } from './job-rows.ts'
import type { NewJob, QueueLimits, Submitted } from './job-store.ts'
import { build } from './query-builder.ts'
import { alone, change, rows, type Steps } from './steps.ts'

export function* submitJob(job: NewJob, limits: QueueLimits, now: number): Steps<Submitted> {
  // Two repeats of one submit at the same time must see each other.
  yield* alone(`submit ${job.owner}`)
  const known = yield* findKnown(job, now)
  if (known) return known
  const limit = yield* findFullLimit(job, limits)
  if (limit) return { kind: 'full', limit }
  yield* insertJob(job, now)
  const { id, owner, route, model, ttlMs } = job
  return {
    kind: 'created',
    job: {
      id,
      owner,
      route,
      model,
      state: 'queued',
      attempt: 0,
      ttlMs,
      createdAt: now,
      completedAt: null,
      expiresAt: null,
      statusCode: null,
      errorCode: null,
      result: null,
    },
  }
}

function* findKnown(job: NewJob, now: number): Steps<Submitted | null> {
  if (job.idempotencyKey !== null) {
    const query = build
      .selectFrom('idempotency_keys')
      .select(['job_id', 'fingerprint'])
      .where('owner', '=', job.owner)
      .where('route', '=', job.route)
      .where('name', '=', job.idempotencyKey)
      .where('expires_at', '>', now)
    const key = (yield* rows(query))[0]
    if (key && key.fingerprint !== job.fingerprint) return { kind: 'key_reused' }
    const first = key && (yield* findJob(key.job_id, now))
    if (first) return { kind: 'known', job: first }
  }
  if (job.sameSince === null) return null
  const same = yield* findSameJob(job.owner, job.fingerprint, job.sameSince, now)
  return same ? { kind: 'known', job: same } : null
}

function* findFullLimit(job: NewJob, limits: QueueLimits): Steps<keyof QueueLimits | null> {
  const waiting = build
    .selectFrom('jobs')
    .select((jobs) => jobs.fn.countAll<number>().as('count'))
    .where(isQueued)
  const own = waiting.where('jobs.owner', '=', job.owner)
  const held = build
    .selectFrom('jobs')
    .select(sql<number>`cast(coalesce(sum(jobs.body_bytes), 0) as bigint)`.as('bytes'))
    .where(isUnfinished)
  if (((yield* rows(own))[0]?.count ?? 0) >= limits.queuedPerOwner) return 'queuedPerOwner'
  if (((yield* rows(waiting))[0]?.count ?? 0) >= limits.queued) return 'queued'
  const bytes = (yield* rows(held))[0]?.bytes ?? 0
  return bytes + job.body.byteLength > limits.bytes ? 'bytes' : null
}

function* insertJob(job: NewJob, now: number): Steps<void> {
  yield* change(
    build.insertInto('jobs').values({
      id: job.id,
      owner: job.owner,
      route: job.route,
      model: job.model,
      fingerprint: job.fingerprint,
      state: 'queued',
      attempt: 0,
      max_attempts: job.maxAttempts,
      fence: 0,
      on_interrupt: job.onInterrupt,
      ttl_ms: job.ttlMs,
      context: job.context,
      payload_version: job.payloadVersion,
      body_bytes: job.body.byteLength,
      node: null,
      lease_until: null,
      created_at: now,
      completed_at: null,
      expires_at: null,
      status_code: null,
      error_code: null,
    }),
  )
  yield* change(build.insertInto('job_bodies').values({ job_id: job.id, bytes: job.body }))
  if (job.idempotencyKey === null) return
  const key = { fingerprint: job.fingerprint, job_id: job.id, expires_at: job.idempotentUntil }
  yield* change(
    build
      .insertInto('idempotency_keys')
      .values({ owner: job.owner, route: job.route, name: job.idempotencyKey, ...key })
      // Its time is over, or its job is.
      .onConflict((conflict) => conflict.columns(['owner', 'route', 'name']).doUpdateSet(key)),
  )
}
