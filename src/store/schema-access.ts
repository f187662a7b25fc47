/** What the API manages. Times are epoch ms; columns called metadata, limits, budget and settings hold JSON. */
export interface AccessSchema {
  virtual_keys: VirtualKeysTable
  teams: TeamsTable
  customers: CustomersTable
  providers: ProvidersTable
  provider_keys: ProviderKeysTable
  scopes: ScopesTable
  sessions: SessionsTable
  audit: AuditTable
  access_state: AccessStateTable
}

export interface VirtualKeysTable {
  id: string
  /** `deleted <id>` once it is deleted: the name is free then, and older programs refuse it by its hash alone. */
  name: string
  hash: string
  hint: string
  origin: 'first-run' | 'file' | 'api'
  /** A JSON array of patterns; null means every model. */
  models: string | null
  enabled: number
  expires_at: number | null
  created_at: number
  disabled_at: number | null
  providers: string | null
  provider_keys: string | null
  forward_headers: string
  may_pin: number
  log_content: number
  team_id: string | null
  customer_id: string | null
  limits: string | null
  budget: string | null
  metadata: string
  version: number
  /** Null in rows that an older program wrote. */
  updated_at: number | null
  previous_hash: string | null
  previous_until: number | null
  deleted_at: number | null
  deleted_name: string | null
}

export interface ManagedColumns {
  id: string
  name: string
  version: number
  created_at: number
  updated_at: number
  metadata: string
}

interface AllowedColumns {
  limits: string | null
  budget: string | null
}

export interface TeamsTable extends ManagedColumns, AllowedColumns {
  customer_id: string | null
}

export interface CustomersTable extends ManagedColumns, AllowedColumns {}

export interface ProvidersTable extends ManagedColumns {
  settings: string
}

export interface ProviderKeysTable extends ManagedColumns {
  provider: string
  hint: string
  sealed: string
  settings: string
  enabled: number
}

export interface ScopesTable extends AllowedColumns {
  kind: 'provider' | 'model'
  name: string
  version: number
  updated_at: number
}

export interface SessionsTable {
  id: string
  actor: string
  created_at: number
  used_at: number
  expires_at: number
}

/** Only ever added to. */
export interface AuditTable {
  id: string
  at: number
  actor: string
  action: string
  kind: string
  object: string
  request_id: string
  before: string | null
  after: string | null
}

/** One row: counts up with every change of what decides about calls. */
interface AccessStateTable {
  id: number
  version: number
}
