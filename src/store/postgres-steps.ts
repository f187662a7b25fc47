import {
  createQueryId,
  type OperationNodeSource,
  PostgresQueryCompiler,
  type RootOperationNode,
} from 'kysely'
import type { ClientBase, QueryResult } from 'pg'
import { insertedAtOnce } from './new-rows.ts'
import type { Step, Steps } from './steps.ts'

const compiler = new PostgresQueryCompiler()

/**
 * What is said here holds for one transaction, whatever the role or the database has set: an answer means that it is on
 * disk, and nothing hangs for long on a lock or on a client that went away.
 */
const begin = `begin isolation level read committed read write;
  select set_config('synchronous_commit', 'on', true)
    where current_setting('synchronous_commit') = 'off';
  set local statement_timeout = 15000;
  set local idle_in_transaction_session_timeout = 15000`

export const beginTransaction = (client: ClientBase): Promise<unknown> => client.query(begin)

/** Runs a command in the transaction that the connection is in. */
export async function runSteps<Result>(client: ClientBase, steps: Steps<Result>): Promise<Result> {
  let next = steps.next()
  while (!next.done) next = steps.next(await answer(client, next.value))
  return next.value
}

async function answer(client: ClientBase, step: Step): Promise<unknown> {
  switch (step.kind) {
    case 'rows':
      return (await send(client, step.query)).rows
    case 'insertNew':
      return (await send(client, insertedAtOnce(step.rows))).rows.map(({ key }) => key)
    case 'change':
      return (await send(client, step.query)).rowCount ?? 0
    case 'alone':
      return holdLock(client, step.name)
    case 'clock': {
      const query = 'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as time'
      return (await client.query<{ time: number }>(query)).rows[0]?.time
    }
  }
}

function send(client: ClientBase, query: OperationNodeSource): Promise<QueryResult> {
  const node = query.toOperationNode() as RootOperationNode
  const { sql, parameters } = compiler.compileQuery(node, createQueryId())
  return client.query(sql, [...parameters])
}

/** Until the transaction ends. Locks are of the whole database, so the name is mixed with our own number. */
export async function holdLock(client: ClientBase, name: string): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 1399616873))', [name])
}
