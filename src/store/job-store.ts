import type { Job, JobStatus, JobWithResult } from '../core/job.ts'

/** A job as it is handed in. */
export interface NewJob {
  readonly id: string
  readonly owner: string
  readonly route: string
  readonly model: string
  /** Hex SHA-256 over everything that shapes the answer. */
  readonly fingerprint: string
  readonly idempotencyKey: string | null
  /** Until when a repeat with the same key is answered with this job. */
  readonly idempotentUntil: number
  /** A job of the same owner and fingerprint made at or after this is the one that is meant; null: none is. */
  readonly sameSince: number | null
  readonly onInterrupt: 'rerun' | 'fail'
  /** How often it may be taken before it counts as what kills the process. */
  readonly maxAttempts: number
  readonly ttlMs: number
  /** What a worker needs besides the body, opaque to the store. */
  readonly context: string
  /** The form `context` has: a worker takes only forms it knows. */
  readonly payloadVersion: number
  readonly body: Uint8Array
}

/** How much may wait; what is leased or dispatched counts for `bytes` alone. */
export interface QueueLimits {
  readonly queued: number
  readonly queuedPerOwner: number
  /** Bodies of all jobs that are not final. */
  readonly bytes: number
}

export type Submitted =
  | { readonly kind: 'created'; readonly job: JobWithResult }
  /** The same was submitted before; nothing was added. */
  | { readonly kind: 'known'; readonly job: JobWithResult }
  /** The idempotency key belongs to another request. */
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'full'; readonly limit: keyof QueueLimits }

export interface ClaimRules {
  /** The incarnation that takes them: another one with every start. */
  readonly node: string
  readonly most: number
  /** How many jobs of one owner may run at once, on all nodes together. */
  readonly runningPerOwner: number
  /** The newest form of `context` that is understood. */
  readonly payloadVersion: number
  readonly leaseUntil: number
}

/** A worker's hold on a job: with every claim another fence, so that an earlier holder changes nothing any more. */
export interface Claim {
  readonly id: string
  readonly fence: number
}

export interface ClaimedJob extends Claim {
  readonly owner: string
  readonly route: string
  readonly model: string
  readonly attempt: number
  readonly createdAt: number
  readonly context: string
  readonly body: Uint8Array
}

/** How a job ends. */
export interface JobEnd {
  readonly state: 'succeeded' | 'failed'
  readonly statusCode: number
  readonly errorCode: string | null
  readonly result: Uint8Array
}

/** How a run ends that was cut off for good: because that was asked for, or because it was one too many. */
export interface InterruptionEnds {
  readonly interrupted: JobEnd
  readonly poisoned: JobEnd
}

export interface Recovered {
  readonly requeued: number
  /** Had reached a provider, and asked not to be run again. */
  readonly interrupted: number
  /** Taken as often as they may be. */
  readonly poisoned: number
}

export interface JobCounts {
  readonly queued: number
  /** Leased and dispatched. */
  readonly running: number
  /** Null when nothing waits. */
  readonly oldestQueuedAt: number | null
}

export interface JobFilter {
  /** Null: everybody's. */
  readonly owner: string | null
  readonly status: JobStatus | null
  readonly limit: number
  /** The id of the last job of the page before. */
  readonly after: string | null
}

/**
 * Jobs, as commands. Every change of state is conditional on state and fence: who comes too late changes nothing and
 * is told so. `now` is always `syncClock`'s time, carried on by the caller.
 */
export interface JobStore {
  /**
   * The clock that all who share the store go by, epoch ms. Never behind what it answered before, also not after a
   * restart: the embedded store takes the greater of `now` and its memory, a shared one goes by its own clock.
   */
  syncClock(now: number): Promise<number>
  submitJob(job: NewJob, limits: QueueLimits, now: number): Promise<Submitted>
  /** Null for what does not exist and for what has expired, sweeper or not. */
  findJob(id: string, now: number): Promise<JobWithResult | null>
  /** Newest first, without those that have expired. */
  listJobs(filter: JobFilter, now: number): Promise<readonly Job[]>
  /**
   * Takes waiting jobs: each time of the owner with the fewest running, among equals the one served longest ago, and of
   * an owner its oldest. Adds 1 to fence and attempt.
   */
  claimJobs(rules: ClaimRules, now: number): Promise<readonly ClaimedJob[]>
  /** Before the first byte goes to a provider. False: the claim is lost. */
  markJobDispatched(claim: Claim, now: number): Promise<boolean>
  /** Says that `node` lives and prolongs its leases. Answers the ids of those it does not hold any more. */
  keepJobs(
    node: string,
    held: readonly Claim[],
    leaseUntil: number,
    now: number,
  ): Promise<readonly string[]>
  /** State and result in one; the request's body goes. False: the claim is lost and nothing was stored. */
  finishJob(claim: Claim, end: JobEnd, now: number): Promise<boolean>
  /**
   * Gives a claim up. What was not dispatched waits again as if never taken; what was dispatched counts as interrupted:
   * it waits again, or ends where it asked for that or was taken as often as it may be.
   */
  handBackJob(claim: Claim, ends: InterruptionEnds, now: number): Promise<boolean>
  /** Ends it whatever it does, so that a worker's claim is lost. `owner` null: whosever it is. */
  cancelJob(
    id: string,
    owner: string | null,
    end: JobEnd,
    now: number,
  ): Promise<'cancelled' | 'final' | 'unknown'>
  /**
   * Takes back what dead nodes hold: leases that have run out, those of nodes not heard of for three beats of 10 s, and with
   * `alone` those of every node but `node`.
   */
  recoverJobs(node: string, alone: boolean, ends: InterruptionEnds, now: number): Promise<Recovered>
  countJobs(): Promise<JobCounts>
  /** Removes up to `most` expired jobs and idempotency keys. Answers how many there were. */
  sweepJobs(most: number, now: number): Promise<number>
}
