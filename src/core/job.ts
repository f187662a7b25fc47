/**
 * Where a job stands. `queued` waits, `leased` is taken by a worker, `dispatched` may have reached a provider, the last
 * two are final. What was cancelled, interrupted or given up is `failed` with a code that says so.
 */
export type JobState = 'queued' | 'leased' | 'dispatched' | 'succeeded' | 'failed'

/** The words callers are told, those of the seed's gateway. */
export type JobStatus = 'pending' | 'processing' | 'completed' | 'failed'

export const jobStatuses: readonly JobStatus[] = ['pending', 'processing', 'completed', 'failed']

const statusOf: Readonly<Record<JobState, JobStatus>> = {
  queued: 'pending',
  leased: 'processing',
  dispatched: 'processing',
  succeeded: 'completed',
  failed: 'failed',
}

export const toJobStatus = (state: JobState): JobStatus => statusOf[state]

/** A call to be made later, as it stands. Times are epoch milliseconds by the store's clock. */
export interface Job {
  /** A random UUID: it tells nothing, and whoever may read the job needs it. */
  readonly id: string
  /** Whose it is, by `ownerOf`. */
  readonly owner: string
  /** The route's template it was submitted on. */
  readonly route: string
  /** The model as it was asked for. */
  readonly model: string
  readonly state: JobState
  /** How often a worker has taken it. */
  readonly attempt: number
  /** How long the result is kept once there is one. */
  readonly ttlMs: number
  readonly createdAt: number
  readonly completedAt: number | null
  readonly expiresAt: number | null
  /** What a synchronous caller would have been answered; null until it is final. */
  readonly statusCode: number | null
  /** The error's code where it failed. */
  readonly errorCode: string | null
}

/** `result` is the body as the caller gets it, an answer or the error envelope; null until it is final. */
export interface JobWithResult extends Job {
  readonly result: Uint8Array | null
}
