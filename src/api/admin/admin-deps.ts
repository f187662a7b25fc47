import type { Runtime } from '../../core/runtime.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { AdminGate } from '../../governance/admin-door.ts'
import type { Sessions } from '../../governance/sessions.ts'
import type { BodyBudget } from '../../http/body.ts'
import type { JobQueue } from '../../jobs/job-queue.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigSource } from './config-source.ts'

/** What administration works on. */
export interface AdminDeps {
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly budget: BodyBudget
  readonly store: Store
  readonly jobs: Pick<JobQueue, 'list' | 'find' | 'cancel'>
  readonly gate: Pick<AdminGate, 'check'>
  readonly sessions: Sessions
  /** What virtual keys are hashed with. */
  readonly keySecret: Buffer
  readonly source: ConfigSource
  /** Puts in force what the store has by now; resolves once it is. */
  readonly renewAccess: () => Promise<void>
  /** After a session was begun. Never throws. */
  readonly onLogin: () => void
}
