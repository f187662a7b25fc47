import type {
  Managed,
  ManagedKind,
  ManagedKinds,
  StoredCustomer,
  StoredProvider,
  StoredProviderKey,
  StoredTeam,
} from './access-store.ts'
import { parse, stringify } from './json-columns.ts'
import type {
  CustomersTable,
  ManagedColumns,
  ProviderKeysTable,
  ProvidersTable,
  TeamsTable,
} from './schema-access.ts'

/** How one kind is kept. */
export interface Keeping<Value, Row> {
  readonly table: 'teams' | 'customers' | 'providers' | 'provider_keys'
  toRow(value: Value): Row
  fromRow(row: Row): Value
}

const toManagedRow = (value: Managed): ManagedColumns => ({
  id: value.id,
  name: value.name,
  version: value.version,
  created_at: value.createdAt,
  updated_at: value.updatedAt,
  metadata: JSON.stringify(value.metadata),
})

const toManaged = (row: ManagedColumns): Managed => ({
  id: row.id,
  name: row.name,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  metadata: JSON.parse(row.metadata),
})

const customers: Keeping<StoredCustomer, CustomersTable> = {
  table: 'customers',
  toRow: (value) => ({
    ...toManagedRow(value),
    limits: stringify(value.limits),
    budget: stringify(value.budget),
  }),
  fromRow: (row) => ({
    ...toManaged(row),
    limits: parse(row.limits),
    budget: parse(row.budget),
  }),
}

const teams: Keeping<StoredTeam, TeamsTable> = {
  table: 'teams',
  toRow: (value) => ({ ...customers.toRow(value), customer_id: value.customerId }),
  fromRow: (row) => ({ ...customers.fromRow(row), customerId: row.customer_id }),
}

const providers: Keeping<StoredProvider, ProvidersTable> = {
  table: 'providers',
  toRow: (value) => ({ ...toManagedRow(value), settings: JSON.stringify(value.settings) }),
  fromRow: (row) => ({ ...toManaged(row), settings: JSON.parse(row.settings) }),
}

const providerKeys: Keeping<StoredProviderKey, ProviderKeysTable> = {
  table: 'provider_keys',
  toRow: (value) => ({
    ...providers.toRow(value),
    provider: value.provider,
    hint: value.hint,
    sealed: value.sealed,
    enabled: value.enabled ? 1 : 0,
  }),
  fromRow: (row) => ({
    ...providers.fromRow(row),
    provider: row.provider,
    hint: row.hint,
    sealed: row.sealed,
    enabled: row.enabled === 1,
  }),
}

/** All kinds as if they were one: the compiler cannot follow that table, row and value change together. */
export const keepings = {
  team: teams,
  customer: customers,
  provider: providers,
  provider_key: providerKeys,
} as unknown as Readonly<Record<ManagedKind, Keeping<ManagedKinds[ManagedKind], TeamsTable>>>
