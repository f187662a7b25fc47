import type { Compilable, OperationNodeSource } from 'kysely'
import type { Cell, ColumnType } from './bulk.ts'

/** A query as it was built; each engine makes its own text of it. */
export type Query<Row = unknown> = Compilable<Row> & OperationNodeSource

/** What a command asks of the engine it runs on. */
export type Step =
  | { readonly kind: 'rows'; readonly query: Query }
  | { readonly kind: 'change'; readonly query: Query }
  | { readonly kind: 'insertNew'; readonly rows: NewRows }
  | { readonly kind: 'alone'; readonly name: string }
  | { readonly kind: 'clock'; readonly given: number }

/** Rows of a table, many at a time. Those whose key is there already are left as they are. */
export interface NewRows {
  readonly table: string
  readonly key: string
  readonly columns: readonly string[]
  readonly types: readonly ColumnType[]
  /** In the order of the columns; the key comes first. */
  readonly list: readonly (readonly [string, ...Cell[]])[]
}

/**
 * A command between the engines: it yields what it wants to know and is handed the answer, synchronously on SQLite,
 * in its own time on Postgres. All its steps are one transaction.
 */
export type Steps<Result> = Generator<Step, Result, unknown>

export function* rows<Row>(query: Query<Row>): Steps<readonly Row[]> {
  // The builder knows the columns of its own query; the engine only gives them back.
  return (yield { kind: 'rows', query }) as readonly Row[]
}

/**
 * The keys of those that were not there. Postgres gets all at once; SQLite one by one, which takes a quarter of the time
 * that it needs to read many out of JSON.
 */
export function* insertNew(rows: NewRows): Steps<readonly string[]> {
  return (yield { kind: 'insertNew', rows }) as readonly string[]
}

/** How many rows it changed. */
export function* change(query: Query): Steps<number> {
  return (yield { kind: 'change', query }) as number
}

/** Until the command ends, no other that asks for the same name goes on. SQLite is alone anyway. */
export function* alone(name: string): Steps<void> {
  yield { kind: 'alone', name }
}

/** Epoch ms by the engine's own clock; an embedded one has none and answers `given`. */
export function* readClock(given: number): Steps<number> {
  return (yield { kind: 'clock', given }) as number
}
