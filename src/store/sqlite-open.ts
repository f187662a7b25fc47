import { closeSync, openSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { migrate } from './sqlite-migrate.ts'
import { readErrcode, type WorkerOptions } from './sqlite-protocol.ts'
import { StoreLockedError, StoreOpenError } from './store-open-error.ts'

/** What a checkpoint leaves of the write-ahead log. */
const walKeptBytes = 64 * 1024 * 1024

export interface OpenDatabase {
  readonly db: DatabaseSync
  /** As it was resolved. */
  readonly file: string
  close(): void
}

/** Takes the lock, opens the file, brings its schema up to date. Throws only StoreOpenErrors. */
export function openDatabase(options: WorkerOptions): OpenDatabase {
  let lock: DatabaseSync | undefined
  let db: DatabaseSync | undefined
  const file = resolveFile(options.file)
  if (options.readOnly) return openForReading(file, options.busyTimeoutMs)
  try {
    lock = holdLock(file, options.lockFile ?? `${file}.lock`)
    db = openFile(file, options.busyTimeoutMs)
  } catch (error) {
    db?.close()
    lock?.close()
    throw error instanceof StoreOpenError ? error : explain(error, file)
  }
  const opened = { db, lock }
  return {
    db,
    file,
    close() {
      opened.db.close()
      opened.lock.close()
    },
  }
}

function openForReading(file: string, busyTimeoutMs: number): OpenDatabase {
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs, defensive: true })
    // What is grouped is sorted in memory: a folder for temporary files may be small, or not there.
    db.exec('pragma temp_store = memory; pragma cache_size = -16384')
    return { db, file, close: () => db.close() }
  } catch (error) {
    throw explain(error, file)
  }
}

/** Two spellings of one file must meet at one lock. */
function resolveFile(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    // Not there yet, so its folder decides.
  }
  try {
    return join(realpathSync(dirname(file)), basename(file))
  } catch (error) {
    throw new StoreOpenError(
      `The folder ${dirname(file)} for the database does not exist or cannot be entered: create it, or choose another with --data-dir.`,
      { cause: error },
    )
  }
}

/**
 * An exclusive transaction that is never ended: the operating system drops its lock with the process,
 * also after kill -9. The file must never be opened in another way: on POSIX, closing any descriptor
 * of it drops the lock of the whole process.
 */
function holdLock(file: string, lockFile: string): DatabaseSync {
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(lockFile)
    lock.exec('begin exclusive')
    return lock
  } catch (error) {
    lock?.close()
    if (primaryCode(error) === sqliteCode.busy)
      throw new StoreLockedError(
        `Another Sluice is using the data folder ${dirname(file)}: stop that one, or give this one its own with --data-dir.`,
        { cause: error },
      )
    throw explain(error, lockFile)
  }
}

function openFile(file: string, busyTimeoutMs: number): DatabaseSync {
  // SQLite would create it readable for everybody, and its write-ahead log takes the file's mode.
  closeSync(openSync(file, 'a', 0o600))
  const db = new DatabaseSync(file, {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: true,
    defensive: true,
  })
  try {
    // FULL: what was answered survives a power cut.
    db.exec(
      `pragma journal_mode = wal; pragma synchronous = full; pragma journal_size_limit = ${walKeptBytes}`,
    )
    migrate(db, file)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const sqliteCode = {
  busy: 5,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

function primaryCode(error: unknown): number | null {
  const errcode = readErrcode(error)
  return errcode === null ? null : errcode & 0xff
}

function explain(error: unknown, file: string): StoreOpenError {
  return new StoreOpenError(sentence(error, file), { cause: error })
}

function sentence(error: unknown, file: string): string {
  switch (primaryCode(error) ?? systemCode(error)) {
    case sqliteCode.readOnly:
    case sqliteCode.cannotOpen:
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
      return `${file} cannot be written: make it a file and its folder ${dirname(file)} writable for this user, or choose another with --data-dir.`
    case sqliteCode.notADatabase:
      return `${file} is not a SQLite database: restore it from a backup, or move it away to start with an empty one.`
    case sqliteCode.corrupt:
      return `${file} is damaged: restore it from a backup, or move it away together with ${file}-wal to start with an empty one.`
    case sqliteCode.full:
    case 'ENOSPC':
      return `There is no space left for ${file}: free some on its disk, or choose another with --data-dir.`
    case sqliteCode.busy:
      return `${file} is held by another program: close what has it open, such as a database browser, and start again.`
    default:
      return `${file} could not be opened (${error instanceof Error ? error.message : String(error)}): check its disk and its folder, or choose another with --data-dir.`
  }
}

function systemCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
