import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { JobWithResult } from '../core/job.ts'
import type { Principal } from '../core/principal.ts'
import type { CallerExtras } from '../gateway/upstream-request.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import type { PollOrder, SubmitOrder } from './async-headers.ts'
import { type DescribeJob, type JobReply, submitHeaders } from './job-replies.ts'

/** What a submit hands over: all that a synchronous call would have been made of. */
export interface Submission {
  readonly call: Call
  readonly principal: Principal
  readonly look: ChatLook
  readonly deployment: string | null
  readonly extras: CallerExtras
}

type Jobs = Pick<JobQueue, 'submit' | 'waitFor' | 'find'>
type Submitted = Awaited<ReturnType<JobQueue['submit']>>

/** Jobs as calls: each is handed in or asked for, told of by the form of its route, and noted in its call. */
export class AsyncCalls {
  readonly #jobs: Jobs
  readonly #draining = new AbortController()

  constructor(jobs: Jobs) {
    this.#jobs = jobs
  }

  /** Whoever waits for a job is told at once where it stands: the process is about to end. */
  drain(): void {
    this.#draining.abort()
  }

  /** Throws as `JobQueue.submit`, the signal's reason, and 400 for a stream. */
  async submit(
    order: SubmitOrder,
    { call, principal, look, deployment, extras }: Submission,
    signal: AbortSignal,
  ): Promise<Submitted> {
    if (look.stream)
      throw new GatewayError(
        'invalid_request',
        'An async job has one whole result: leave "stream" out, or call without x-bf-async',
        { param: 'stream' },
      )
    // Nobody would ever learn the id.
    signal.throwIfAborted()
    call.asked = deployment ?? look.model
    const { ttlMs, onInterrupt, idempotencyKey, isRepeat } = order
    const submitted = await this.#jobs.submit({
      ...{ principal, look, deployment, extras, ttlMs, onInterrupt, idempotencyKey, isRepeat },
      requestId: call.requestId,
      surface: call.surface,
      route: call.route,
      dimensions: call.dimensions,
      trace: call.trace,
    })
    call.job = { step: 'submit', id: submitted.job.id }
    return submitted
  }

  /** The answer to a submit, once it has waited as long as it was to; the signal ends the wait. */
  async tell(
    { job, isNew }: Submitted,
    { waitMs }: SubmitOrder,
    principal: Principal,
    describe: DescribeJob,
    signal: AbortSignal,
  ): Promise<JobReply> {
    const reply = describe(await this.#await(job.id, job, principal, waitMs, signal))
    return { ...reply, headers: [...reply.headers, ...submitHeaders(job, isNew)] }
  }

  /** Throws as `JobQueue.find`; the signal ends the wait. */
  async poll(
    order: PollOrder,
    call: Call,
    principal: Principal,
    describe: DescribeJob,
    signal: AbortSignal,
  ): Promise<JobReply> {
    const id = toJobId(order.id)
    call.job = { step: 'poll', id }
    const job = await this.#await(id, null, principal, order.waitMs, signal)
    call.asked = job.model
    return describe(job)
  }

  async #await(
    id: string,
    known: JobWithResult | null,
    principal: Principal,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<JobWithResult> {
    const jobs = this.#jobs
    if (waitMs === 0) return known ?? (await jobs.find(id, principal))
    return await jobs.waitFor(
      id,
      principal,
      waitMs,
      AbortSignal.any([signal, this.#draining.signal]),
    )
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const isJobId = (text: string): boolean => uuid.test(text)

/** What is no id becomes one that no job has: it must be answered like an unknown one, in as much time. */
export const toJobId = (text: string): string =>
  isJobId(text) ? text.toLowerCase() : '00000000-0000-0000-0000-000000000000'
