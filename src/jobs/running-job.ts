import { type Call, type JobOutcome, newCall } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { type SettleDeps, settle } from '../gateway/settle.ts'
import { principalOfOwner } from '../governance/owner.ts'
import type { Sealer } from '../governance/sealer.ts'
import type { ClaimedJob, JobEnd } from '../store/job-store.ts'
import type { Store } from '../store/store.ts'
import { type ChatLook, lookAtChat, scanRequest } from '../wire/openai-chat/look.ts'
import { usualTokensOf } from '../wire/openai-chat/prompt-size.ts'
import { decodeContext, type JobContext } from './job-context.ts'
import { failedWith, interruptionEnds, succeededWith } from './job-end.ts'
import type { Timekeeper } from './timekeeper.ts'

export interface RunDeps {
  readonly store: Store
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly time: Timekeeper
  readonly sealer: Sealer
  readonly settling: SettleDeps
  /** The bytes of results on their way into the store, of all jobs together. */
  readonly unstored: { bytes: number }
  /** Aborted where the process ends whatever is left. */
  readonly stopping: AbortSignal
  readonly warn: (error: GatewayError, message: string) => void
}

const retry = { firstMs: 100, longestMs: 5000 }
/** How long a result is kept in memory while the store does not take it, and how much of them all together. */
const unstoredMs = 10 * 60_000
const unstoredBytes = 64 * 1024 * 1024

/** One claimed job, from the claim to its end in the store. */
export class RunningJob {
  readonly claimed: ClaimedJob
  readonly call: Call
  readonly #deps: RunDeps
  readonly #controller = new AbortController()
  #marking = false
  #dispatched = false
  /** The store could not note that the provider is about to be reached, so it was not. */
  #unmarked = false
  #look: ChatLook | null = null

  constructor(claimed: ClaimedJob, deps: RunDeps) {
    this.claimed = claimed
    this.#deps = deps
    const { clock, newId } = deps.runtime
    const id = newId()
    this.call = newCall({
      id,
      requestId: id,
      surface: 'openai',
      route: claimed.route,
      startedAt: clock.now(),
      startedMs: clock.monotonic(),
      client: null,
      trace: deps.settling.tracer.begin({}),
    })
    this.call.asked = claimed.model
    this.call.job = { step: 'run', id: claimed.id, attempt: claimed.attempt }
    this.call.bytesIn = claimed.body.length
  }

  /** Whether the provider may have been reached, or is about to be. */
  get dispatched(): boolean {
    return this.#marking
  }

  /** `gateway_shutdown` hands the job back; with any other reason somebody else has decided about it. */
  abort(reason: GatewayError): void {
    this.#controller.abort(reason)
  }

  /** Never rejects. */
  async run(): Promise<JobOutcome> {
    const { settling } = this.#deps
    const end = await this.#work()
    const outcome = await this.#conclude(end)
    const { call, claimed } = this
    call.job = { step: 'run', id: claimed.id, attempt: claimed.attempt, outcome }
    settle(call, () => usualTokensOf(this.#look), 0, settling)
    return outcome
  }

  /** Null: this run does not decide how the job ends. */
  async #work(): Promise<JobEnd | null> {
    const { signal } = this.#controller
    try {
      return succeededWith(await this.#answer())
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      this.call.error = error
      this.call.status = error.status
      return signal.aborted || this.#unmarked || error === lost ? null : failedWith(error)
    }
  }

  async #answer(): Promise<Uint8Array> {
    const { call, claimed } = this
    const { gateway, runtime, sealer } = this.#deps
    const { signal } = this.#controller
    const { door, config } = gateway.snapshot
    const principal = principalOfOwner(claimed.owner, door, runtime.clock.now())
    call.principal = principal
    const context: JobContext = decodeContext(claimed.context, sealer)
    const { deployment, extras, dimensions, requestId, surface, trace } = context
    Object.assign(call, { dimensions, requestId, surface })
    if (call.trace && trace) call.trace.submit = trace
    const { content } = this.#deps.settling
    content.begin(call, principal, config.requestLog)
    content.request(call, claimed.body)
    const bytes = Buffer.from(claimed.body.buffer, claimed.body.byteOffset, claimed.body.length)
    const fields = await scanRequest(bytes, () => runtime.clock.sleep(0, signal))
    const look = lookAtChat(bytes, fields, deployment !== null)
    this.#look = look
    const run = { beforeDispatch: () => this.#beforeDispatch() }
    const answer = await gateway.chat(call, principal, look, deployment, extras, signal, run)
    if (answer.kind !== 'reply')
      throw new GatewayError('internal_error', 'A job was answered by a stream')
    call.bytesOut = answer.body.length
    content.reply(call, answer.body, 'json')
    const { maxResultBytes } = config.jobs
    if (answer.body.length > maxResultBytes)
      throw new GatewayError(
        'result_too_large',
        `The answer has ${answer.body.length} bytes, more than a result may have here (jobs.max_result: ${maxResultBytes})`,
      )
    return answer.body
  }

  /** From here on the provider may bill it, and that must be known after a crash. */
  async #beforeDispatch(): Promise<void> {
    if (this.#dispatched) return
    const { signal } = this.#controller
    if (signal.aborted) throw signal.reason
    const { store, time } = this.#deps
    this.#marking = true
    const marked = await store
      .markJobDispatched(this.claimed, time.now())
      .catch((thrown: unknown) => {
        this.#unmarked = true
        throw thrown
      })
    if (!marked) throw lost
    this.#dispatched = true
  }

  async #conclude(end: JobEnd | null): Promise<JobOutcome> {
    const { store, time } = this.#deps
    const { signal } = this.#controller
    const whyLost = () => (signal.reason?.code === 'job_cancelled' ? 'cancelled' : 'lost')
    if (end) {
      const stored = await this.#storeEnd(end)
      if (!stored) return stored === null ? 'unstored' : whyLost()
      return this.call.error ? 'failed' : 'completed'
    }
    const handsBack = signal.aborted ? signal.reason.code === 'gateway_shutdown' : this.#unmarked
    if (!handsBack) return whyLost()
    const given = await this.#persist(() =>
      store.handBackJob(this.claimed, interruptionEnds, time.now()),
    )
    if (!given) return given === null ? 'unstored' : whyLost()
    return 'handed_back'
  }

  /** An answer that was paid for is not given up because a disk is full for a while. */
  async #storeEnd(given: JobEnd): Promise<boolean | null> {
    const { store, time, runtime, unstored } = this.#deps
    const sinceMs = runtime.clock.monotonic()
    let end = given
    let heldBytes = 0
    const hold = (bytes: number): void => {
      unstored.bytes += bytes - heldBytes
      heldBytes = bytes
    }
    const stored = await this.#persist((isRepeat) => {
      // Only what the store has refused once waits in memory; an error costs next to nothing.
      if (isRepeat && end.state === 'succeeded') {
        hold(end.result.length)
        const isLate = runtime.clock.monotonic() - sinceMs > unstoredMs
        if (isLate || unstored.bytes > unstoredBytes) {
          hold(0)
          end = this.#giveUp()
        }
      }
      return store.finishJob(this.claimed, end, time.now())
    })
    hold(0)
    return stored
  }

  /**
   * Asks the store until it answers: the claim is ours meanwhile, and nobody else would do better. Null where the
   * process ended first.
   */
  async #persist(write: (isRepeat: boolean) => Promise<boolean>): Promise<boolean | null> {
    const { runtime, warn, stopping } = this.#deps
    for (let waitMs = retry.firstMs; ; waitMs = Math.min(waitMs * 2, retry.longestMs)) {
      const isRepeat = waitMs > retry.firstMs
      try {
        return await write(isRepeat)
      } catch (thrown) {
        if (!isRepeat)
          warn(GatewayError.from(thrown), 'how a job went could not be stored; it is tried again')
      }
      try {
        await runtime.clock.sleep(waitMs, stopping)
      } catch {
        return null
      }
    }
  }

  #giveUp(): JobEnd {
    const error = new GatewayError(
      'result_not_stored',
      'The provider answered, but the gateway could not store the answer in time. It may have been billed.',
    )
    this.call.error = error
    this.call.status = error.status
    return failedWith(error)
  }
}

/** Somebody else holds the job by now, or it was cancelled: nothing of this run counts any more. */
const lost = new GatewayError('job_interrupted', 'The claim on this job is lost')
