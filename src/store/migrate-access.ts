const managed = `
    id text primary key not null,
    name text not null,
    version integer not null,
    created_at bigint not null,
    updated_at bigint not null,
    metadata text not null`

export const accessTables: readonly string[] = [
  // Each with a default: a gateway of the version before goes on writing rows without them.
  ...[
    `providers text`,
    `provider_keys text`,
    `forward_headers text not null default '[]'`,
    `may_pin integer not null default 0`,
    `team_id text`,
    `customer_id text`,
    `limits text`,
    `budget text`,
    `metadata text not null default '{}'`,
    `version integer not null default 1`,
    `updated_at bigint`,
    `previous_hash text`,
    `previous_until bigint`,
    `deleted_at bigint`,
    `deleted_name text`,
  ].map((column) => `alter table virtual_keys add column ${column}`),
  `create index virtual_keys_team on virtual_keys (team_id) where team_id is not null`,
  `create index virtual_keys_customer on virtual_keys (customer_id) where customer_id is not null`,
  `create table teams (${managed}, limits text, budget text, customer_id text)`,
  `create unique index teams_name on teams (name)`,
  `create index teams_created on teams (created_at, id)`,
  `create index teams_customer on teams (customer_id)`,
  `create table customers (${managed}, limits text, budget text)`,
  `create unique index customers_name on customers (name)`,
  `create index customers_created on customers (created_at, id)`,
  `create table providers (${managed}, settings text not null)`,
  `create unique index providers_name on providers (name)`,
  `create index providers_created on providers (created_at, id)`,
  `create table provider_keys (${managed},
    provider text not null,
    hint text not null,
    sealed text not null,
    settings text not null,
    enabled integer not null
  )`,
  `create unique index provider_keys_name on provider_keys (provider, name)`,
  `create index provider_keys_created on provider_keys (created_at, id)`,
  `create table scopes (
    kind text not null,
    name text not null,
    version integer not null,
    updated_at bigint not null,
    limits text,
    budget text,
    primary key (kind, name)
  )`,
  `create table sessions (
    id text primary key not null,
    actor text not null,
    created_at bigint not null,
    used_at bigint not null,
    expires_at bigint not null
  )`,
  `create index sessions_actor on sessions (actor)`,
  `create table audit (
    id text primary key not null,
    at bigint not null,
    actor text not null,
    action text not null,
    kind text not null,
    object text not null,
    request_id text not null,
    before text,
    after text
  )`,
  `create index audit_object on audit (kind, object, id)`,
  `create index audit_actor on audit (actor, id)`,
  `create table access_state (
    id integer primary key not null check (id = 1),
    version bigint not null
  )`,
  `insert into access_state (id, version) values (1, 1)`,
]
