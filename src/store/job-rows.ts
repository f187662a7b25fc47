import { type RawBuilder, sql } from 'kysely'
import type { Job } from '../core/job.ts'
import type { JobsTable } from './schema.ts'

/** A row without what only the store and a worker need. */
type JobRow = Omit<
  JobsTable,
  | 'fingerprint'
  | 'max_attempts'
  | 'fence'
  | 'on_interrupt'
  | 'context'
  | 'payload_version'
  | 'body_bytes'
  | 'node'
  | 'lease_until'
>

export const jobColumns = [
  'jobs.id',
  'jobs.owner',
  'jobs.route',
  'jobs.model',
  'jobs.state',
  'jobs.attempt',
  'jobs.ttl_ms',
  'jobs.created_at',
  'jobs.completed_at',
  'jobs.expires_at',
  'jobs.status_code',
  'jobs.error_code',
] as const

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    owner: row.owner,
    route: row.route,
    model: row.model,
    state: row.state,
    attempt: row.attempt,
    ttlMs: row.ttl_ms,
    createdAt: row.created_at,
    completedAt: row.completed_at,
    expiresAt: row.expires_at,
    statusCode: row.status_code,
    errorCode: row.error_code,
  }
}

// Written out and never bound: an index over a part of the rows is used only where the text names the same part.
export const isQueued = sql<boolean>`jobs.state = 'queued'`
export const isRunning = sql<boolean>`jobs.state in ('leased', 'dispatched')`
export const isUnfinished = sql<boolean>`jobs.state in ('queued', 'leased', 'dispatched')`
export const isSucceeded = sql<boolean>`jobs.state = 'succeeded'`
export const isFailed = sql<boolean>`jobs.state = 'failed'`

/** Whether it still counts at `now`, sweeper or not. */
export const isKept = (now: number): RawBuilder<boolean> =>
  sql<boolean>`(jobs.expires_at is null or jobs.expires_at > ${now})`
