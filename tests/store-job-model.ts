import type { Job, JobWithResult } from '../src/core/job.ts'
import type {
  Claim,
  ClaimRules,
  InterruptionEnds,
  JobCounts,
  JobEnd,
  NewJob,
  QueueLimits,
  Recovered,
  Submitted,
} from '../src/store/job-store.ts'
import { queued } from './store-suite-fixtures.ts'

interface ModelJob {
  readonly asked: NewJob
  /** What callers see of it; replaced with every change. */
  seen: JobWithResult
  fence: number
  node: string
  leaseUntil: number
}

/** What the port for jobs says, in the plainest way: everything in memory, nothing at the same time. */
export class JobModel {
  readonly #jobs = new Map<string, ModelJob>()
  readonly #keys = new Map<string, { fingerprint: string; id: string; until: number }>()
  readonly #turns = new Map<string, number>()
  readonly #beats = new Map<string, number>()
  #turn = 0

  submit(job: NewJob, limits: QueueLimits, now: number): Submitted {
    const keyName = `${job.owner} ${job.route} ${job.idempotencyKey}`
    const key = job.idempotencyKey === null ? undefined : this.#keys.get(keyName)
    if (key && key.until > now) {
      if (key.fingerprint !== job.fingerprint) return { kind: 'key_reused' }
      const first = this.find(key.id, now)
      if (first) return { kind: 'known', job: first }
    }
    const since = job.sameSince
    if (since !== null) {
      const isSame = ({ id, owner, createdAt }: Job): boolean =>
        owner === job.owner &&
        createdAt >= since &&
        this.#jobs.get(id)?.asked.fingerprint === job.fingerprint
      const same = this.list(now).find(isSame)
      const found = same && this.find(same.id, now)
      if (found) return { kind: 'known', job: found }
    }
    const waiting = this.#inState('queued')
    if (waiting.filter(({ asked }) => asked.owner === job.owner).length >= limits.queuedPerOwner)
      return { kind: 'full', limit: 'queuedPerOwner' }
    if (waiting.length >= limits.queued) return { kind: 'full', limit: 'queued' }
    const bytes = this.#inState('queued', 'leased', 'dispatched').reduce(
      (sum, { asked }) => sum + asked.body.byteLength,
      job.body.byteLength,
    )
    if (bytes > limits.bytes) return { kind: 'full', limit: 'bytes' }
    const seen = queued(job, now)
    this.#jobs.set(job.id, { asked: job, seen, fence: 0, node: '', leaseUntil: 0 })
    if (job.idempotencyKey !== null) {
      const { fingerprint, id, idempotentUntil: until } = job
      this.#keys.set(keyName, { fingerprint, id, until })
    }
    return { kind: 'created', job: seen }
  }

  find(id: string, now: number): JobWithResult | null {
    const seen = this.#jobs.get(id)?.seen
    return seen && (seen.expiresAt === null || seen.expiresAt > now) ? seen : null
  }

  /** Newest first. */
  list(now: number): Job[] {
    return [...this.#jobs.keys()]
      .flatMap((id) => this.find(id, now) ?? [])
      .map(({ result, ...job }) => job)
      .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
  }

  count(): JobCounts {
    const waiting = this.#inState('queued').map(({ seen }) => seen.createdAt)
    return {
      queued: waiting.length,
      running: this.#running().length,
      oldestQueuedAt: waiting.length === 0 ? null : Math.min(...waiting),
    }
  }

  claim(rules: ClaimRules, now: number): Claim[] {
    const taken: Claim[] = []
    while (taken.length < rules.most) {
      const job = this.#next(rules)
      if (!job) break
      job.fence++
      job.node = rules.node
      job.leaseUntil = rules.leaseUntil
      job.seen = { ...job.seen, state: 'leased', attempt: job.seen.attempt + 1 }
      this.#turns.set(job.asked.owner, ++this.#turn)
      this.#beats.set(rules.node, now)
      taken.push({ id: job.asked.id, fence: job.fence })
    }
    return taken
  }

  #next(rules: ClaimRules): ModelJob | undefined {
    const running = (owner: string): number =>
      this.#running().filter(({ asked }) => asked.owner === owner).length
    const turn = (owner: string): number => this.#turns.get(owner) ?? 0
    return this.#inState('queued')
      .filter(({ asked }) => asked.payloadVersion <= rules.payloadVersion)
      .filter(({ asked }) => running(asked.owner) < rules.runningPerOwner)
      .toSorted(
        ({ asked: a, seen: one }, { asked: b, seen: other }) =>
          running(a.owner) - running(b.owner) ||
          turn(a.owner) - turn(b.owner) ||
          compare(a.owner, b.owner) ||
          one.createdAt - other.createdAt ||
          compare(a.id, b.id),
      )[0]
  }

  mark(claim: Claim): boolean {
    const job = this.#held(claim)
    if (job?.seen.state !== 'leased') return false
    job.seen = { ...job.seen, state: 'dispatched' }
    return true
  }

  finish(claim: Claim, end: JobEnd, now: number): boolean {
    const job = this.#held(claim)
    if (!job) return false
    endOne(job, end, now)
    return true
  }

  handBack(claim: Claim, ends: InterruptionEnds, now: number): boolean {
    const job = this.#held(claim)
    if (!job) return false
    const { state, attempt } = job.seen
    if (state === 'leased') job.seen = { ...job.seen, state: 'queued', attempt: attempt - 1 }
    else if (job.asked.onInterrupt === 'fail') endOne(job, ends.interrupted, now)
    else if (attempt >= job.asked.maxAttempts) endOne(job, ends.poisoned, now)
    else job.seen = { ...job.seen, state: 'queued' }
    return true
  }

  keep(node: string, held: readonly Claim[], leaseUntil: number, now: number): string[] {
    this.#beats.set(node, now)
    return held
      .filter((claim) => {
        const job = this.#jobs.get(claim.id)
        if (!job || !this.#running().includes(job) || job.node !== node) return true
        job.leaseUntil = leaseUntil
        return job.fence !== claim.fence
      })
      .map(({ id }) => id)
  }

  cancel(id: string, owner: string | null, end: JobEnd, now: number) {
    const job = this.#jobs.get(id)
    if (!job || !this.find(id, now) || (owner !== null && owner !== job.asked.owner))
      return 'unknown'
    if (job.seen.result !== null) return 'final'
    job.fence++
    endOne(job, end, now)
    return 'cancelled'
  }

  recover(node: string, alone: boolean, ends: InterruptionEnds, now: number): Recovered {
    const recovered = { requeued: 0, interrupted: 0, poisoned: 0 }
    for (const job of this.#running()) {
      const isSilent = now - (this.#beats.get(job.node) ?? now) >= 30_000
      if (job.leaseUntil > now && !(alone ? job.node !== node : isSilent)) continue
      const { state, attempt } = job.seen
      if (state === 'dispatched' && job.asked.onInterrupt === 'fail') {
        endOne(job, ends.interrupted, now)
        recovered.interrupted++
      } else if (attempt >= job.asked.maxAttempts) {
        endOne(job, ends.poisoned, now)
        recovered.poisoned++
      } else {
        job.seen = { ...job.seen, state: 'queued' }
        recovered.requeued++
      }
    }
    return recovered
  }

  sweep(now: number): number {
    const jobs = [...this.#jobs.keys()].filter((id) => !this.find(id, now))
    for (const id of jobs) this.#jobs.delete(id)
    const keys = [...this.#keys].filter(([, { until }]) => until <= now)
    for (const [name] of keys) this.#keys.delete(name)
    return jobs.length + keys.length
  }

  #inState(...states: readonly Job['state'][]): ModelJob[] {
    return [...this.#jobs.values()].filter(({ seen }) => states.includes(seen.state))
  }

  #running(): ModelJob[] {
    return this.#inState('leased', 'dispatched')
  }

  #held({ id, fence }: Claim): ModelJob | undefined {
    return this.#running().find((job) => job.asked.id === id && job.fence === fence)
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function endOne(
  job: ModelJob,
  { state, statusCode, errorCode, result }: JobEnd,
  now: number,
): void {
  const expiresAt = now + job.asked.ttlMs
  job.seen = { ...job.seen, state, statusCode, errorCode, result, completedAt: now, expiresAt }
}
