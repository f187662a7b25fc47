import type { JobOutcome } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Timer } from '../core/runtime.ts'
import type { ClaimedJob, Recovered } from '../store/job-store.ts'
import { payloadVersion } from './job-context.ts'
import { interruptionEnds } from './job-end.ts'
import type { JobWatch } from './job-watch.ts'
import { Pressure } from './pressure.ts'
import { type RunDeps, RunningJob } from './running-job.ts'

export interface JobWorkerDeps extends Omit<RunDeps, 'stopping' | 'unstored'> {
  /** This incarnation of the process, unlike every other. */
  readonly node: string
  readonly watch: JobWatch
  readonly metrics: JobMeter
}

/** What is counted about jobs. */
export interface JobMeter {
  /** Milliseconds; `waitedMs` from the submit to this run. */
  jobRan(outcome: JobOutcome, waitedMs: number, ranMs: number): void
  jobsRecovered(recovered: Recovered): void
}

const leaseMs = 30_000
/** A shared store is asked more often, since a cancel on another node is only learnt there. */
const beatMs = { alone: 10_000, shared: 2000 }
/** How often work is looked for that nobody announced: other nodes', or while the store was away. */
const lookMs = 1000
const recoverMs = 2000
/** Few at once: the embedded store does nothing else meanwhile. */
const sweep = { everyMs: 60_000, atOnce: 100 }

/** Runs jobs: claims, keeps the claims alive, takes back what dead nodes left, removes what has expired. */
export class JobWorker {
  readonly #deps: JobWorkerDeps
  readonly #running = new Map<string, RunningJob>()
  readonly #pressure: Pressure
  readonly #stopping = new AbortController()
  readonly #runDeps: RunDeps
  readonly #timers: Timer[] = []
  /** Whether jobs may be taken: from the start to the drain. */
  #open = false
  #claiming = false
  #claimAgain = false
  #claimsFail = false
  #onIdle: (() => void) | null = null

  constructor(deps: JobWorkerDeps) {
    this.#deps = deps
    this.#pressure = new Pressure(() => deps.gateway.snapshot.config.jobs.concurrency)
    this.#runDeps = { ...deps, stopping: this.#stopping.signal, unstored: { bytes: 0 } }
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * Takes back what an earlier life left, lets `open` happen, and begins. Rejects when the store cannot be used and as
   * `open` does; then nothing was begun: a start that comes to nothing must not cost jobs an attempt.
   */
  async start(open = async (): Promise<void> => {}): Promise<void> {
    const { store, time } = this.#deps
    await time.sync()
    // Alone on the store, whatever another incarnation held is nobody's any more.
    await this.#recover(!store.shared)
    await open()
    this.#open = true
    this.#every(lookMs, () => this.wake())
    this.#every(store.shared ? beatMs.shared : beatMs.alone, () => this.#beat())
    if (store.shared) this.#every(recoverMs, () => this.#recover(false))
    this.#every(sweep.everyMs, () => this.#sweep())
    this.wake()
  }

  /** There may be something to do. */
  wake(): void {
    this.#claimAgain = true
    if (!this.#claiming) void this.#claim()
  }

  abort(id: string, reason: GatewayError): void {
    this.#running.get(id)?.abort(reason)
  }

  /** From now on nothing is claimed; what has not reached a provider goes back at once. */
  drain(): void {
    this.#open = false
    for (const job of this.#running.values()) if (!job.dispatched) job.abort(shutdown())
  }

  /** What is still under way is cut and goes back as interrupted. */
  cut(): void {
    for (const job of this.#running.values()) job.abort(shutdown())
  }

  /** Resolves when no job runs and none is on its way here. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve
      this.#noteIdle()
    })
  }

  stop(): void {
    this.#open = false
    for (const timer of this.#timers) timer.cancel()
    this.#stopping.abort()
  }

  async #claim(): Promise<void> {
    this.#claiming = true
    while (this.#claimAgain && this.#open) {
      this.#claimAgain = false
      const free = this.#pressure.limit - this.#running.size
      if (free <= 0) break
      try {
        const claimed = await this.#claimSome(free)
        for (const job of claimed) this.#begin(job)
        this.#claimsFail = false
        // More may wait than were asked for.
        if (claimed.length === free) this.#claimAgain = true
      } catch (thrown) {
        // Told once: it is tried again every second, for as long as the store is away.
        if (!this.#claimsFail)
          this.#deps.warn(GatewayError.from(thrown), 'jobs cannot be claimed; it is tried again')
        this.#claimsFail = true
        break
      }
    }
    this.#claiming = false
    this.#noteIdle()
  }

  #noteIdle(): void {
    if (this.#running.size === 0 && !this.#claiming) this.#onIdle?.()
  }

  #claimSome(most: number): Promise<readonly ClaimedJob[]> {
    const { store, time, node, gateway } = this.#deps
    const now = time.now()
    const runningPerOwner = gateway.snapshot.config.jobs.perKeyConcurrency
    const rules = { node, most, runningPerOwner, payloadVersion, leaseUntil: now + leaseMs }
    return store.claimJobs(rules, now)
  }

  #begin(claimed: ClaimedJob): void {
    const job = new RunningJob(claimed, this.#runDeps)
    this.#running.set(claimed.id, job)
    // Claimed while the drain began.
    if (!this.#open) job.abort(shutdown())
    void this.#see(job)
  }

  async #see(job: RunningJob): Promise<void> {
    const { time, runtime, metrics, watch } = this.#deps
    const { id, createdAt } = job.claimed
    const [waitedMs, sinceMs] = [time.now() - createdAt, runtime.clock.monotonic()]
    const outcome = await job.run()
    const nowMs = runtime.clock.monotonic()
    metrics.jobRan(outcome, waitedMs, nowMs - sinceMs)
    this.#pressure.note(job.call.error, nowMs)
    if (this.#running.get(id) === job) this.#running.delete(id)
    watch.ended(id)
    this.#noteIdle()
    // What a broken store gave back is not taken again before the next look.
    if (outcome !== 'handed_back') this.wake()
  }

  async #beat(): Promise<void> {
    const { store, time, node } = this.#deps
    await time.sync()
    const held = [...this.#running.values()]
    const now = time.now()
    const claims = held.map(({ claimed: { id, fence } }) => ({ id, fence }))
    const lost = new Set(await store.keepJobs(node, claims, now + leaseMs, now))
    // These runs alone: one of them may have ended meanwhile, and its job have been taken anew.
    for (const job of held) if (lost.has(job.claimed.id)) job.abort(leaseLost)
  }

  async #recover(alone: boolean): Promise<void> {
    const { store, time, node, metrics } = this.#deps
    const recovered = await store.recoverJobs(node, alone, interruptionEnds, time.now())
    metrics.jobsRecovered(recovered)
    if (recovered.requeued > 0) this.wake()
  }

  async #sweep(): Promise<void> {
    const { store, time } = this.#deps
    while (this.#open && (await store.sweepJobs(sweep.atOnce, time.now())) === sweep.atOnce);
  }

  /** Each time `ms` after the one before is done; what fails is tried again, and told the first time. */
  #every(ms: number, act: () => void | Promise<void>): void {
    let fails = false
    const timer = this.#deps.runtime.clock.timer(ms, async () => {
      try {
        await act()
        fails = false
      } catch (thrown) {
        if (!fails) this.#deps.warn(GatewayError.from(thrown), 'the care for jobs met a fault')
        fails = true
      }
      if (!this.#stopping.signal.aborted) timer.refresh()
    })
    this.#timers.push(timer)
  }
}

const shutdown = (): GatewayError =>
  new GatewayError('gateway_shutdown', 'The gateway is shutting down')
const leaseLost = new GatewayError('job_interrupted', 'Another worker has taken this job over')
