import type { JobState } from '../core/job.ts'
import type { AccessSchema } from './schema-access.ts'
import type { LedgerSchema } from './schema-ledger.ts'

/** The tables as the query builder sees them, the same on every engine. Times are epoch ms. */
export interface Schema extends LedgerSchema, AccessSchema {
  settings: SettingsTable
  write_probe: WriteProbeTable
  jobs: JobsTable
  job_bodies: JobBytesTable
  job_results: JobBytesTable
  idempotency_keys: IdempotencyKeysTable
  nodes: NodesTable
  turns: TurnsTable
  clock: ClockTable
}

interface SettingsTable {
  name: string
  value: string
}

/** One row that a health check writes to. */
interface WriteProbeTable {
  id: number
  writes: number
}

/** Small rows only: a change of state must not write a body anew. */
export interface JobsTable {
  id: string
  owner: string
  route: string
  model: string
  fingerprint: string
  state: JobState
  attempt: number
  max_attempts: number
  /** Grows with every claim and every cancellation. */
  fence: number
  on_interrupt: 'rerun' | 'fail'
  ttl_ms: number
  context: string
  payload_version: number
  body_bytes: number
  /** Who holds it, and until when; null while nobody does. */
  node: string | null
  lease_until: number | null
  created_at: number
  completed_at: number | null
  expires_at: number | null
  status_code: number | null
  error_code: string | null
}

/** The request while the job is not final, or the result once it is. */
interface JobBytesTable {
  job_id: string
  bytes: Uint8Array
}

/** They outlive their jobs: a repeat of another request is refused also when the result is gone. */
interface IdempotencyKeysTable {
  owner: string
  route: string
  name: string
  fingerprint: string
  job_id: string
  expires_at: number
}

/** A row per incarnation of a gateway that holds or held jobs. */
interface NodesTable {
  id: string
  beat_at: number
}

/** Counts up over all owners: who was served longest ago has the smallest. */
interface TurnsTable {
  owner: string
  served: number
}

/** One row: the latest time ever told. */
interface ClockTable {
  id: number
  latest: number
}
