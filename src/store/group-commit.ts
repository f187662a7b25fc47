import type { DatabaseSync } from 'node:sqlite'
import { type Group, type Reply, type Request, toFailure } from './sqlite-protocol.ts'

/**
 * Runs every request whole, each in a savepoint, and commits them together: one fsync for all.
 * A request that throws is undone and fails alone. Where the transaction of all fails, each gets one of its own: what
 * only reads, or still fits on a full disk, must not fail with its neighbours.
 */
export function runGroup(
  db: DatabaseSync,
  requests: readonly Request[],
  run: (request: Request) => unknown,
): Group {
  let begun = false
  try {
    db.exec('begin immediate')
    begun = true
    const replies = requests.map((request) => runOne(db, request, run))
    db.exec('commit')
    return { replies, committed: true }
  } catch (error) {
    abandon(db)
    // Where nothing could begin, each would wait for the lock once more.
    if (begun && requests.length > 1) return runApart(db, requests, run)
    const failure = toFailure(error)
    return { replies: requests.map(({ id }) => ({ id, failure })), committed: false }
  }
}

function runApart(
  db: DatabaseSync,
  requests: readonly Request[],
  run: (request: Request) => unknown,
): Group {
  const groups = requests.map((request) => runGroup(db, [request], run))
  return {
    replies: groups.flatMap(({ replies }) => replies),
    committed: groups.some(({ committed }) => committed),
  }
}

/** Each sees the database as it was at one moment, and holds up nobody. */
export function runReads(
  db: DatabaseSync,
  requests: readonly Request[],
  run: (request: Request) => unknown,
): Group {
  const replies = requests.map((request): Reply => {
    try {
      db.exec('begin')
      return { id: request.id, value: run(request) }
    } catch (error) {
      return { id: request.id, failure: toFailure(error) }
    } finally {
      abandon(db)
    }
  })
  return { replies, committed: false }
}

function runOne(db: DatabaseSync, request: Request, run: (request: Request) => unknown): Reply {
  db.exec('savepoint command')
  try {
    const value = run(request)
    db.exec('release command')
    return { id: request.id, value }
  } catch (error) {
    // A full disk or an I/O error may make SQLite drop the whole transaction, and with it what
    // the requests before this one wrote: going on would answer those as if they were safe.
    if (!db.isTransaction) throw error
    db.exec('rollback to command')
    db.exec('release command')
    return { id: request.id, failure: toFailure(error) }
  }
}

function abandon(db: DatabaseSync): void {
  if (!db.isTransaction) return
  try {
    db.exec('rollback')
  } catch {
    // The error that led here is the one worth telling; the next `begin` shows whether this one lasts.
  }
}
