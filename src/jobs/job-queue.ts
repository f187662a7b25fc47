import { createHash } from 'node:crypto'
import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Job, JobStatus, JobWithResult } from '../core/job.ts'
import { ownerOf, type Principal } from '../core/principal.ts'
import type { Redactor } from '../core/redactor.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { CallerExtras } from '../gateway/upstream-request.ts'
import type { Sealer } from '../governance/sealer.ts'
import { spanPlaceOf } from '../observability/trace-context.ts'
import type { NewJob, QueueLimits } from '../store/job-store.ts'
import type { Store } from '../store/store.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { encodeContext, payloadVersion } from './job-context.ts'
import { cancelledEnd } from './job-end.ts'
import type { JobWatch } from './job-watch.ts'
import type { Timekeeper } from './timekeeper.ts'

/** A call to be made later. */
export interface JobAsk {
  readonly principal: Principal
  readonly requestId: string
  readonly surface: Call['surface']
  readonly route: string
  readonly look: ChatLook
  /** The address's, where it names one. */
  readonly deployment: string | null
  readonly extras: CallerExtras
  readonly dimensions: Call['dimensions']
  readonly trace: Call['trace']
  /** How long the result is to be kept, already within `jobs.max_result_ttl`. */
  readonly ttlMs: number
  readonly onInterrupt: 'rerun' | 'fail'
  readonly idempotencyKey: string | null
  /** An SDK repeats a request whose answer was lost, without a key of its own. */
  readonly isRepeat: boolean
}

export interface JobQueueDeps {
  readonly store: Store
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly time: Timekeeper
  readonly sealer: Sealer
  readonly watch: JobWatch
  /** Takes secrets out of names that callers choose. */
  readonly redact: () => Redactor
  /** There is something to do. */
  readonly onSubmitted: () => void
  /** A job that may be running here is over, by somebody's word. */
  readonly onCancelled: (id: string) => void
}

const keptKeysMs = 24 * 3600_000
const repeatMs = 15 * 60_000
const fullRetryMs = 1000
/** How often a job that another node may finish is looked at while somebody waits for it. */
const lookMs = 500

/** What callers may do with jobs. Running them is the worker's. */
export class JobQueue {
  readonly #deps: JobQueueDeps

  constructor(deps: JobQueueDeps) {
    this.#deps = deps
  }

  /**
   * Resolves once the job is on disk. `isNew` false: the same was submitted before. Throws what the call itself would be
   * refused with, and 413, 422, 429 `async_queue_full`, 503.
   */
  async submit(ask: JobAsk): Promise<{ readonly job: JobWithResult; readonly isNew: boolean }> {
    const { gateway, store, time, onSubmitted } = this.#deps
    const { principal, look, deployment, extras } = ask
    const settings = gateway.snapshot.config.jobs
    if (look.bytes.length > settings.maxBodyBytes)
      throw new GatewayError(
        'request_too_large',
        `An async request may have ${settings.maxBodyBytes} bytes here (jobs.max_body)`,
      )
    await gateway.admit(principal, look, deployment, extras)
    const now = time.now()
    const submitted = await store.submitJob(this.#newJob(ask, now), limitsOf(settings), now)
    if (submitted.kind === 'key_reused')
      throw new GatewayError(
        'idempotency_key_reuse',
        'This Idempotency-Key was used for another request. Send each request with a key of its own.',
        { param: 'Idempotency-Key' },
      )
    if (submitted.kind === 'full') throw full(submitted.limit, principal)
    if (submitted.kind === 'created') onSubmitted()
    return { job: submitted.job, isNew: submitted.kind === 'created' }
  }

  /** Throws `job_not_found`, the same for unknown, expired and somebody else's. */
  async find(id: string, principal: Principal): Promise<JobWithResult> {
    const job = await this.#deps.store.findJob(id, this.#deps.time.now())
    if (!job || !maySee(principal, job)) throw notFound()
    return job
  }

  /** As `find`, once the job is final, or `waitMs` are over, or the signal is aborted. */
  async waitFor(
    id: string,
    principal: Principal,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<JobWithResult> {
    const { runtime, store, watch } = this.#deps
    const until = runtime.clock.monotonic() + waitMs
    for (;;) {
      // Watched before it is looked at: an end in between would be missed.
      const watched = watch.expect(id)
      try {
        const job = await this.find(id, principal)
        const leftMs = until - runtime.clock.monotonic()
        if (job.result !== null || leftMs <= 0 || signal.aborted) return job
        await watched.within(store.shared ? Math.min(lookMs, leftMs) : leftMs, signal)
      } finally {
        watched.stop()
      }
    }
  }

  /** Ends a job that is not final yet. Throws `job_not_found`, `job_terminal`. */
  async cancel(id: string, principal: Principal): Promise<JobWithResult> {
    const { store, time, watch, onCancelled } = this.#deps
    const owner = principal.kind === 'admin' ? null : ownerOf(principal)
    const done = await store.cancelJob(id, owner, cancelledEnd, time.now())
    if (done === 'unknown') throw notFound()
    if (done === 'final')
      throw new GatewayError('job_terminal', 'This job is already final and cannot be cancelled')
    onCancelled(id)
    watch.ended(id)
    return await this.find(id, principal)
  }

  /** Newest first: the caller's own, for the admin everybody's. Throws `forbidden` for callers without a key. */
  async list(
    principal: Principal,
    filter: {
      readonly status: JobStatus | null
      readonly limit: number
      readonly after: string | null
    },
  ): Promise<readonly Job[]> {
    if (principal.kind === 'anonymous')
      throw new GatewayError('forbidden', 'Callers without a key may not list jobs')
    const owner = principal.kind === 'admin' ? null : ownerOf(principal)
    return await this.#deps.store.listJobs({ ...filter, owner }, this.#deps.time.now())
  }

  #newJob(ask: JobAsk, now: number): NewJob {
    const { gateway, runtime, sealer, redact } = this.#deps
    const { look, deployment, extras, dimensions, requestId, surface, route, ttlMs } = ask
    const trace = ask.trace && spanPlaceOf(ask.trace)
    return {
      id: runtime.randomId(),
      owner: ownerOf(ask.principal),
      route,
      model: redact()(deployment ?? look.model ?? ''),
      fingerprint: fingerprintOf(ask),
      idempotencyKey: ask.idempotencyKey,
      idempotentUntil: now + Math.max(keptKeysMs, ttlMs),
      sameSince: ask.isRepeat && ask.idempotencyKey === null ? now - repeatMs : null,
      onInterrupt: ask.onInterrupt,
      maxAttempts: gateway.snapshot.config.jobs.maxAttempts,
      ttlMs,
      context: encodeContext({ requestId, surface, deployment, dimensions, trace, extras }, sealer),
      payloadVersion,
      body: look.bytes,
    }
  }
}

const maySee = (principal: Principal, { owner }: Job): boolean =>
  principal.kind === 'admin' || owner === ownerOf(principal)

// One sentence for all of them: whether an id exists is nobody else's business.
const notFound = (): GatewayError =>
  new GatewayError(
    'job_not_found',
    'There is no such job: the id is wrong, its result has expired, or it was submitted with another key',
  )

const limitsOf = (settings: {
  readonly queueLimit: number
  readonly perKeyQueueLimit: number
  readonly queueBytes: number
}): QueueLimits => ({
  queued: settings.queueLimit,
  queuedPerOwner: settings.perKeyQueueLimit,
  bytes: settings.queueBytes,
})

const limitNames: Readonly<Record<keyof QueueLimits, string>> = {
  queued: 'jobs.queue_limit',
  queuedPerOwner: 'jobs.per_key_queue_limit',
  bytes: 'jobs.queue_bytes',
}

function full(limit: keyof QueueLimits, { name }: Principal): GatewayError {
  const whose = limit === 'queuedPerOwner' ? `The key "${name}" has` : 'The gateway has'
  return new GatewayError(
    'async_queue_full',
    `${whose} as many async jobs waiting as it may (${limitNames[limit]}). Try again once some are done.`,
    { retryAfterMs: fullRetryMs },
  )
}

/** The same for requests that must be answered alike: route, body and what else shapes the answer. */
function fingerprintOf({ route, deployment, extras, look }: JobAsk): string {
  return createHash('sha256')
    .update(JSON.stringify([route, deployment, extras]))
    .update('\n')
    .update(look.bytes)
    .digest('hex')
}
