const dimensions = [
  'key_id',
  'team_id',
  'customer_id',
  'route',
  'provider',
  'model',
  'outcome',
  'form',
]
const counts = [
  'calls',
  'attempts',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'reasoning_tokens',
  'cost_nanos',
  'unpriced',
  'estimated',
]
const columns = (names: readonly string[], type: string): string =>
  names.map((name) => `${name} ${type} not null`).join(', ')

export const ledgerTables: readonly string[] = [
  `create table ledger (
    id text primary key not null,
    call_id text not null,
    at bigint not null,
    kind text not null check (kind in ('usage', 'unattributed')),
    outcome text not null,
    role text not null,
    form text not null,
    key_id text not null,
    key_name text not null,
    team_id text not null,
    customer_id text not null,
    route text not null,
    provider text not null,
    model text not null,
    provider_key text not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cached_input_tokens bigint not null,
    cache_write_tokens bigint not null,
    reasoning_tokens bigint not null,
    audio_input_tokens bigint not null,
    audio_output_tokens bigint not null,
    estimated bigint not null,
    cost_nanos bigint,
    price text not null,
    charges json not null
  ) without rowid`,
  `create index ledger_at on ledger (at, id)`,
  `create index ledger_call on ledger (call_id)`,
  `create table ledger_state (
    id integer primary key not null check (id = 1),
    pruned_before bigint not null,
    recounts bigint not null
  )`,
  `insert into ledger_state (id, pruned_before, recounts) values (1, 0, 0)`,
  // Found by one text of all dimensions: the index over eight columns would cost three times as much.
  `create table usage_slots (
    id integer primary key not null,
    name text not null unique,
    ${columns(dimensions, 'text')}
  )`,
  // Read in ranges of time, so the rows lie in that order.
  `create table usage_sums (
    grain integer not null,
    at bigint not null,
    slot bigint not null,
    ${columns(counts, 'bigint')},
    primary key (grain, at, slot)
  ) without rowid`,
  `create table budgets (
    scope text not null,
    scope_id text not null,
    window_at bigint not null,
    spent bigint not null,
    leased bigint not null,
    primary key (scope, scope_id, window_at)
  ) without rowid`,
  `create table budget_leases (
    node text not null,
    scope text not null,
    scope_id text not null,
    window_at bigint not null,
    nanos bigint not null check (nanos >= 0),
    primary key (node, scope, scope_id, window_at)
  ) without rowid`,
]
