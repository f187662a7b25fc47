import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { createQueryId, type RootOperationNode, SqliteQueryCompiler } from 'kysely'
import { boundCells } from './bulk.ts'
import { insertedAlone } from './new-rows.ts'
import type { NewRows, Query, Step, Steps } from './steps.ts'

const cachedStatements = 256

/** Runs commands whole and synchronously on one connection, inside whatever transaction it is in. */
export function createSqliteRunner(db: DatabaseSync): <Result>(steps: Steps<Result>) => Result {
  const compiler = new SqliteQueryCompiler()
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
  const bind = (query: Query) => {
    const node = query.toOperationNode() as RootOperationNode
    const { sql, parameters } = compiler.compileQuery(node, createQueryId())
    return { statement: prepare(sql), parameters: parameters as readonly SQLInputValue[] }
  }
  const insertNew = (rows: NewRows): string[] => {
    const statement = prepare(insertedAlone(rows))
    // Told by the count: asking for the key back takes as long as the insert.
    return rows.list.flatMap((row) => (statement.run(...boundCells(row)).changes ? row[0] : []))
  }
  const answer = (step: Step): unknown => {
    switch (step.kind) {
      case 'rows': {
        const { statement, parameters } = bind(step.query)
        return statement.all(...parameters)
      }
      case 'insertNew':
        return insertNew(step.rows)
      case 'change': {
        const { statement, parameters } = bind(step.query)
        return Number(statement.run(...parameters).changes)
      }
      case 'alone':
        return undefined
      case 'clock':
        return step.given
    }
  }

  return (steps) => {
    let next = steps.next()
    while (!next.done) next = steps.next(answer(next.value))
    return next.value
  }
}
