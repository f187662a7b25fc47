import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Compilable } from 'kysely'

/** Runs built queries whole and synchronously on one connection. */
export interface QueryRunner {
  rows<Row>(query: Compilable<Row>): Row[]
  /** How many rows it changed. */
  change(query: Compilable<unknown>): number
}

const cachedStatements = 256

export function createQueryRunner(db: DatabaseSync): QueryRunner {
  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (!statement) {
      if (statements.size >= cachedStatements) statements.clear()
      statement = db.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  return {
    rows<Row>(query: Compilable<Row>) {
      const { sql, parameters } = query.compile()
      // The builder knows the columns of its own query; SQLite only gives them back.
      return prepare(sql).all(...(parameters as readonly SQLInputValue[])) as Row[]
    },
    change(query) {
      const { sql, parameters } = query.compile()
      return Number(prepare(sql).run(...(parameters as readonly SQLInputValue[])).changes)
    },
  }
}
