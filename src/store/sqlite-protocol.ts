import type { CommandName } from './store.ts'

// What the main thread and the worker that owns the connection say to each other.

export interface WorkerOptions {
  readonly file: string
  readonly lockFile: string | null
  /** Beside one that writes, which has locked the file and brought it up to date. */
  readonly readOnly: boolean
  /** How long a command waits for another connection to let go of the file. */
  readonly busyTimeoutMs: number
}

/** The worker's first message. */
export type Opening =
  | { readonly opened: true }
  | { readonly opened: false; readonly locked: boolean; readonly failure: Failure }

export interface Request {
  readonly id: number
  readonly name: CommandName
  readonly args: readonly unknown[]
}

/** Comes last: what was asked before it is answered first. */
export type ToWorker = Request | 'close'

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }

/** The answers of one transaction. */
export interface Group {
  readonly replies: readonly Reply[]
  readonly committed: boolean
}

/** An error in a form that survives the way between threads, which drops an error's own fields. */
export interface Failure {
  readonly message: string
  readonly stack: string | null
  /** SQLite's extended result code. */
  readonly errcode: number | null
}

export function toFailure(thrown: unknown): Failure {
  return {
    message: thrown instanceof Error ? thrown.message : String(thrown),
    stack: thrown instanceof Error ? (thrown.stack ?? null) : null,
    errcode: readErrcode(thrown),
  }
}

export function readErrcode(thrown: unknown): number | null {
  return thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? thrown.errcode
    : null
}

/** The cause as the log shows it: with the stack of the thread it comes from. */
export function fromFailure(failure: Failure): Error {
  const error = new Error(failure.message)
  if (failure.stack !== null) error.stack = failure.stack
  return Object.assign(error, { errcode: failure.errcode })
}
