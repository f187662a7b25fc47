import type { Job, JobWithResult } from '../core/job.ts'
import type { Nanos } from '../core/money.ts'
import type {
  AuditEntry,
  AuditFilter,
  FileKey,
  KeyFilter,
  ManagedKind,
  ManagedKinds,
  ManagedPatch,
  NamedKind,
  Page,
  SealedText,
  SessionRules,
  StoredKey,
  StoredScope,
  StoredSession,
  Written,
} from './access-store.ts'
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
import type {
  BudgetRef,
  BudgetState,
  ChargedRow,
  LeaseWish,
  LedgerFilter,
  LedgerStore,
  Recount,
  UsageQuery,
  UsageSum,
  UsageWork,
} from './ledger-store.ts'
import type { CommandName, Commands, Store } from './store.ts'

/** The port, put as questions by name: what an engine adds is how one is asked. */
export abstract class CommandStore implements Store {
  abstract readonly shared: boolean
  #pinging: Promise<void> | null = null
  #asked = 0
  /** Numbers in the order in which they came. */
  readonly #unanswered = new Set<number>()

  abstract close(): Promise<void>

  get queue(): Store['queue'] {
    const [oldest = null] = this.#unanswered
    return { waiting: this.#unanswered.size, oldest, newest: this.#asked }
  }

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

  pageKeys(filter: KeyFilter, page: Page): Promise<readonly StoredKey[]> {
    return this.#ask('pageKeys', filter, page)
  }

  findNames(kind: NamedKind, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#ask('findNames', kind, ids)
  }

  findKey(id: string): Promise<StoredKey | null> {
    return this.#ask('findKey', id)
  }

  createKey(key: StoredKey, audit: AuditEntry | null = null): Promise<Written<StoredKey>> {
    return this.#ask('createKey', key, audit)
  }

  updateKey(...given: Parameters<Store['updateKey']>): Promise<Written<StoredKey>> {
    return this.#ask('updateKey', ...given)
  }

  rotateKey(...given: Parameters<Store['rotateKey']>): Promise<Written<StoredKey>> {
    return this.#ask('rotateKey', ...given)
  }

  deleteKey(
    id: string,
    version: number | null,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredKey>> {
    return this.#ask('deleteKey', id, version, now, audit)
  }

  followFileKeys(keys: readonly FileKey[], now: number): Promise<void> {
    return this.#ask('followFileKeys', keys, now)
  }

  setKeyEnabled(
    name: string,
    enabled: boolean,
    now: number,
    audit: AuditEntry | null = null,
  ): Promise<boolean> {
    return this.#ask('setKeyEnabled', name, enabled, now, audit)
  }

  accessVersion(): Promise<number> {
    return this.#ask('accessVersion')
  }

  // Of one kind asked, of one kind answered: the list of commands knows all kinds together only.

  listManaged<Kind extends ManagedKind>(
    kind: Kind,
    page: Page,
    search: string | null = null,
  ): Promise<readonly ManagedKinds[Kind][]> {
    return this.#ask('listManaged', kind, page, search) as Promise<readonly ManagedKinds[Kind][]>
  }

  findManaged<Kind extends ManagedKind>(
    kind: Kind,
    id: string,
  ): Promise<ManagedKinds[Kind] | null> {
    return this.#ask('findManaged', kind, id) as Promise<ManagedKinds[Kind] | null>
  }

  createManaged<Kind extends ManagedKind>(
    kind: Kind,
    value: ManagedKinds[Kind],
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>> {
    const answer = this.#ask('createManaged', kind, value, audit)
    return answer as Promise<Written<ManagedKinds[Kind]>>
  }

  updateManaged<Kind extends ManagedKind>(
    kind: Kind,
    id: string,
    version: number | null,
    patch: ManagedPatch<Kind>,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>> {
    const answer = this.#ask('updateManaged', kind, id, version, patch, now, audit)
    return answer as Promise<Written<ManagedKinds[Kind]>>
  }

  deleteManaged<Kind extends ManagedKind>(
    kind: Kind,
    id: string,
    version: number | null,
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>> {
    const answer = this.#ask('deleteManaged', kind, id, version, audit)
    return answer as Promise<Written<ManagedKinds[Kind]>>
  }

  listScopes(): Promise<readonly StoredScope[]> {
    return this.#ask('listScopes')
  }

  putScope(
    scope: Pick<StoredScope, 'kind' | 'name' | 'limits' | 'budget'>,
    version: number | null,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredScope>> {
    return this.#ask('putScope', scope, version, now, audit)
  }

  deleteScope(
    kind: StoredScope['kind'],
    name: string,
    version: number | null,
    audit: AuditEntry | null,
  ): Promise<Written<StoredScope>> {
    return this.#ask('deleteScope', kind, name, version, audit)
  }

  listSealed(
    after: Pick<SealedText, 'place' | 'id'> | null,
    limit: number,
  ): Promise<readonly SealedText[]> {
    return this.#ask('listSealed', after, limit)
  }

  resealKeys(
    entries: readonly (SealedText & { readonly was: string })[],
    audit: AuditEntry | null,
  ): Promise<number> {
    return this.#ask('resealKeys', entries, audit)
  }

  createSession(session: StoredSession, audit: AuditEntry | null): Promise<void> {
    return this.#ask('createSession', session, audit)
  }

  touchSession(id: string, rules: SessionRules, now: number): Promise<StoredSession | null> {
    return this.#ask('touchSession', id, rules, now)
  }

  listSessions(...given: Parameters<Store['listSessions']>): Promise<readonly StoredSession[]> {
    return this.#ask('listSessions', ...given)
  }

  deleteSession(id: string, audit: AuditEntry | null): Promise<boolean> {
    return this.#ask('deleteSession', id, audit)
  }

  deleteSessions(actor: string, audit: AuditEntry | null): Promise<number> {
    return this.#ask('deleteSessions', actor, audit)
  }

  sweepSessions(rules: SessionRules, now: number): Promise<number> {
    return this.#ask('sweepSessions', rules, now)
  }

  appendAudit(entry: AuditEntry): Promise<void> {
    return this.#ask('appendAudit', entry)
  }

  listAudit(filter: AuditFilter, page: Page): Promise<readonly AuditEntry[]> {
    return this.#ask('listAudit', filter, page)
  }

  listLeaseNodes(silentSince: number | null): Promise<readonly string[]> {
    return this.#ask('listLeaseNodes', silentSince)
  }

  leaseBudgets(node: string, wishes: readonly LeaseWish[], now: number): Promise<readonly Nanos[]> {
    return this.#ask('leaseBudgets', node, wishes, now)
  }

  returnLeases(
    node: string,
    back: readonly (BudgetRef & { readonly nanos: Nanos })[],
  ): Promise<void> {
    return this.#ask('returnLeases', node, back)
  }

  settleAttempts(
    node: string,
    lines: Parameters<LedgerStore['settleAttempts']>[1],
  ): Promise<{ readonly written: number }> {
    return this.#ask('settleAttempts', node, lines)
  }

  endNodeLeases(node: string, shouldCharge: boolean, now: number): Promise<readonly BudgetState[]> {
    return this.#ask('endNodeLeases', node, shouldCharge, now)
  }

  readBudgets(refs: readonly BudgetRef[]): Promise<readonly BudgetState[]> {
    return this.#ask('readBudgets', refs)
  }

  sumUsage(query: UsageQuery): Promise<readonly UsageSum[]> {
    return this.#ask('sumUsage', query)
  }

  weighUsage(query: UsageQuery): Promise<UsageWork> {
    return this.#ask('weighUsage', query)
  }

  listLedger(filter: LedgerFilter): Promise<readonly ChargedRow[]> {
    return this.#ask('listLedger', filter)
  }

  async recount(from: number): Promise<Recount> {
    return this.#ask('correctDrift', await this.#ask('findDrift', from))
  }

  repriceRows(rows: Parameters<LedgerStore['repriceRows']>[0]): Promise<number> {
    return this.#ask('repriceRows', rows)
  }

  pruneLedger(before: number): Promise<number> {
    return this.#ask('pruneLedger', before)
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
    ...args: Parameters<Commands[Name]>
  ): ReturnType<Commands[Name]>
  async #ask(name: CommandName, ...args: readonly unknown[]): Promise<unknown> {
    const number = ++this.#asked
    this.#unanswered.add(number)
    try {
      return await this.ask(name, args)
    } finally {
      this.#unanswered.delete(number)
    }
  }
}
