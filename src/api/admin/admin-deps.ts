import type { Runtime } from '../../core/runtime.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { SettleDeps } from '../../gateway/settle.ts'
import type { AdminGate } from '../../governance/admin-door.ts'
import type { Sealer } from '../../governance/sealer.ts'
import type { Sessions } from '../../governance/sessions.ts'
import type { BodyBudget } from '../../http/body.ts'
import type { JobQueue } from '../../jobs/job-queue.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigSource } from './config-source.ts'
import type { ProviderDesk } from './provider-desk.ts'

/** What administration works on. */
export interface AdminDeps {
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly budget: BodyBudget
  readonly store: Store
  readonly jobs: Pick<JobQueue, 'list' | 'find' | 'cancel'>
  readonly gate: Pick<AdminGate, 'check' | 'replacePassword'>
  readonly sessions: Sessions
  /** What virtual keys are hashed with. */
  readonly keySecret: Buffer
  readonly source: ConfigSource
  /** What credentials of providers are sealed with. */
  readonly sealer: Sealer
  readonly providers: ProviderDesk
  /** What the calls are settled with that are made from here. */
  readonly settling: SettleDeps
  /** Puts in force what the store has by now; resolves once it is. */
  readonly renewAccess: () => Promise<void>
  /** After a session was begun. Never throws. */
  readonly onLogin: () => void
}
