import { accessTables } from './migrate-access.ts'
import { ledgerTables } from './migrate-ledger.ts'
import { usageSides } from './migrate-usage.ts'

/** One additive step: the previous version of the program must be able to live with what it adds. */
export interface Migration {
  /** Counts up from 1 without gaps; never changed once released. */
  readonly number: number
  readonly statements: readonly string[]
}

// SQLite's words, which mean the same to Postgres; what does not, `postgres-migrate.ts` puts in its words.
export const migrations: readonly Migration[] = [
  {
    number: 1,
    statements: [
      `create table settings (
        name text primary key not null,
        value text not null
      )`,
      `create table virtual_keys (
        id text primary key not null,
        name text not null,
        hash text not null check (length(hash) = 64),
        hint text not null,
        origin text not null check (origin in ('first-run', 'file', 'api')),
        models text,
        enabled integer not null check (enabled in (0, 1)),
        expires_at bigint,
        created_at bigint not null,
        disabled_at bigint
      )`,
      `create unique index virtual_keys_name on virtual_keys (name, (origin = 'file'))`,
      `create table write_probe (
        id integer primary key not null check (id = 1),
        writes bigint not null
      )`,
      `insert into write_probe (id, writes) values (1, 0)`,
    ],
  },
  {
    number: 2,
    statements: [
      `create table jobs (
        id text primary key not null,
        owner text not null,
        route text not null,
        model text not null,
        fingerprint text not null,
        state text not null
          check (state in ('queued', 'leased', 'dispatched', 'succeeded', 'failed')),
        attempt integer not null,
        max_attempts integer not null,
        fence bigint not null,
        on_interrupt text not null check (on_interrupt in ('rerun', 'fail')),
        ttl_ms bigint not null,
        context text not null,
        payload_version integer not null,
        body_bytes bigint not null,
        node text,
        lease_until bigint,
        created_at bigint not null,
        completed_at bigint,
        expires_at bigint,
        status_code integer,
        error_code text
      )`,
      // A part of the rows each: what a change of state costs does not grow with what is finished.
      `create index jobs_queued on jobs (owner, created_at, id) where state = 'queued'`,
      `create index jobs_running on jobs (owner, created_at, id)
        where state in ('leased', 'dispatched')`,
      `create index jobs_unfinished on jobs (state, body_bytes)
        where state in ('queued', 'leased', 'dispatched')`,
      `create index jobs_succeeded on jobs (owner, created_at, id) where state = 'succeeded'`,
      `create index jobs_failed on jobs (owner, created_at, id) where state = 'failed'`,
      `create index jobs_expiring on jobs (expires_at) where expires_at is not null`,
      `create index jobs_owner on jobs (owner, created_at, id)`,
      `create index jobs_created on jobs (created_at, id)`,
      `create index jobs_same on jobs (owner, fingerprint, created_at, id)`,
      `create table job_bodies (
        job_id text primary key not null references jobs (id) on delete cascade,
        bytes blob not null
      )`,
      `create table job_results (
        job_id text primary key not null references jobs (id) on delete cascade,
        bytes blob not null
      )`,
      `create table idempotency_keys (
        owner text not null,
        route text not null,
        name text not null,
        fingerprint text not null,
        job_id text not null,
        expires_at bigint not null,
        primary key (owner, route, name)
      )`,
      `create index idempotency_keys_expiring on idempotency_keys (expires_at)`,
      `create table nodes (
        id text primary key not null,
        beat_at bigint not null
      )`,
      `create table turns (
        owner text primary key not null,
        served bigint not null
      )`,
      `create table clock (
        id integer primary key not null check (id = 1),
        latest bigint not null
      )`,
      `insert into clock (id, latest) values (1, 0)`,
    ],
  },
  { number: 3, statements: [...ledgerTables, ...accessTables] },
  {
    number: 4,
    statements: [`alter table virtual_keys add column log_content integer not null default 1`],
  },
  { number: 5, statements: usageSides },
]
