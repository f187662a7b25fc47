import type { Job, JobWithResult } from '../core/job.ts'
import type {
  Claim,
  ClaimedJob,
  ClaimRules,
  InterruptionEnds,
  JobCounts,
  JobEnd,
  JobFilter,
  NewJob,
  QueueLimits,
  Recovered,
  Submitted,
} from './job-store.ts'
import type { CommandName, FileKey, Store, StoredKey } from './store.ts'

/** The port, put as questions by name: what an engine adds is how one is asked. */
export abstract class CommandStore implements Store {
  abstract readonly shared: boolean
  #pinging: Promise<void> | null = null

  abstract close(): Promise<void>

  /** Runs the command of that name whole; rejects with GatewayErrors only. */
  protected abstract ask(name: CommandName, args: readonly unknown[]): Promise<unknown>

  readSettings(): Promise<ReadonlyMap<string, string>> {
    return this.#ask('readSettings')
  }

  initialiseSettings(
    entries: Readonly<Record<string, string>>,
  ): Promise<ReadonlyMap<string, string>> {
    return this.#ask('initialiseSettings', entries)
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.#ask('putSetting', name, value)
  }

  listKeys(): Promise<readonly StoredKey[]> {
    return this.#ask('listKeys')
  }

  createKey(key: StoredKey): Promise<'created' | 'name_taken'> {
    return this.#ask('createKey', key)
  }

  followFileKeys(keys: readonly FileKey[], now: number): Promise<void> {
    return this.#ask('followFileKeys', keys, now)
  }

  setKeyEnabled(name: string, enabled: boolean, now: number): Promise<boolean> {
    return this.#ask('setKeyEnabled', name, enabled, now)
  }

  ping(): Promise<void> {
    // Whoever asks while one is under way shares it: a health check must not multiply the fsyncs.
    this.#pinging ??= this.#ask('ping').finally(() => {
      this.#pinging = null
    })
    return this.#pinging
  }

  syncClock(now: number): Promise<number> {
    return this.#ask('syncClock', now)
  }

  submitJob(job: NewJob, limits: QueueLimits, now: number): Promise<Submitted> {
    return this.#ask('submitJob', job, limits, now)
  }

  findJob(id: string, now: number): Promise<JobWithResult | null> {
    return this.#ask('findJob', id, now)
  }

  listJobs(filter: JobFilter, now: number): Promise<readonly Job[]> {
    return this.#ask('listJobs', filter, now)
  }

  claimJobs(rules: ClaimRules, now: number): Promise<readonly ClaimedJob[]> {
    return this.#ask('claimJobs', rules, now)
  }

  markJobDispatched(claim: Claim, now: number): Promise<boolean> {
    return this.#ask('markJobDispatched', claim, now)
  }

  keepJobs(
    node: string,
    held: readonly Claim[],
    leaseUntil: number,
    now: number,
  ): Promise<readonly string[]> {
    return this.#ask('keepJobs', node, held, leaseUntil, now)
  }

  finishJob(claim: Claim, end: JobEnd, now: number): Promise<boolean> {
    return this.#ask('finishJob', claim, end, now)
  }

  handBackJob(claim: Claim, ends: InterruptionEnds, now: number): Promise<boolean> {
    return this.#ask('handBackJob', claim, ends, now)
  }

  cancelJob(
    id: string,
    owner: string | null,
    end: JobEnd,
    now: number,
  ): Promise<'cancelled' | 'final' | 'unknown'> {
    return this.#ask('cancelJob', id, owner, end, now)
  }

  recoverJobs(
    node: string,
    alone: boolean,
    ends: InterruptionEnds,
    now: number,
  ): Promise<Recovered> {
    return this.#ask('recoverJobs', node, alone, ends, now)
  }

  countJobs(): Promise<JobCounts> {
    return this.#ask('countJobs')
  }

  sweepJobs(most: number, now: number): Promise<number> {
    return this.#ask('sweepJobs', most, now)
  }

  #ask<Name extends CommandName>(
    name: Name,
    ...args: Parameters<Store[Name]>
  ): ReturnType<Store[Name]>
  #ask(name: CommandName, ...args: readonly unknown[]): Promise<unknown> {
    return this.ask(name, args)
  }
}
