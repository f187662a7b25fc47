import type { Pool, PoolClient } from 'pg'
import { GatewayError } from '../core/errors.ts'
import { CommandStore } from './command-store.ts'
import { startCommand } from './commands.ts'
import { createLane } from './lane.ts'
import { openPool, type PostgresOptions } from './postgres-open.ts'
import { beginTransaction, runSteps } from './postgres-steps.ts'
import type { CommandName } from './store.ts'

/** Before a command is run: one that was undone lets the other go on first, or it would be in its way again. */
const pausesSeconds = [0, 0.05]
const lastPauseSeconds = 0.5

export interface PostgresStoreOptions extends PostgresOptions {
  /** How many commands may wait for an answer before new ones are refused. */
  readonly queueLimit?: number
}

/** Opens the store that several gateways can share. Rejects with a StoreOpenError. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  return new PostgresStore(await openPool(options), options.queueLimit ?? 10_000)
}

/** The store on a database server: each command is a transaction of its own. */
export class PostgresStore extends CommandStore {
  readonly shared = true
  readonly #pool: Pool
  readonly #queueLimit: number
  readonly #waiting = new Set<Promise<unknown>>()
  /** Submits of one owner go one by one: unbounded, they would sit on every connection there is, waiting for each other. */
  readonly #submits = createLane(4)
  #closed: Promise<void> | null = null

  constructor(pool: Pool, queueLimit: number) {
    super()
    this.#pool = pool
    this.#queueLimit = queueLimit
  }

  override close(): Promise<void> {
    // The pool forgets who still waits for a connection when it ends.
    this.#closed ??= Promise.allSettled(this.#waiting).then(() => this.#pool.end())
    return this.#closed
  }

  protected override async ask(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed) throw new GatewayError('storage_unavailable', 'The store is closed.')
    if (this.#waiting.size >= this.#queueLimit)
      throw new GatewayError(
        'overloaded',
        `The store has ${this.#waiting.size} commands waiting and takes no more. Try again shortly.`,
      )
    const run = () => this.#run(name, args)
    const answer = name === 'submitJob' ? this.#submits(run) : run()
    this.#waiting.add(answer)
    try {
      return await answer
    } catch (cause) {
      throw new GatewayError('storage_unavailable', 'The store could not carry out a command.', {
        cause,
      })
    } finally {
      this.#waiting.delete(answer)
    }
  }

  async #run(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    for (const pauseSeconds of pausesSeconds)
      try {
        return await this.#runOnce(name, args, pauseSeconds)
      } catch (error) {
        if (!mayGoBetter(error)) throw error
      }
    return await this.#runOnce(name, args, lastPauseSeconds)
  }

  async #runOnce(
    name: CommandName,
    args: readonly unknown[],
    pauseSeconds: number,
  ): Promise<unknown> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    try {
      if (pauseSeconds > 0) await client.query('select pg_sleep($1)', [pauseSeconds])
      await beginTransaction(client)
      const result = await runSteps(client, startCommand(name, args))
      await client.query('commit')
      return result
    } catch (error) {
      broken = await undo(client)
      throw error
    } finally {
      client.release(broken)
    }
  }
}

/** An error where the connection is of no use any more. */
async function undo(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('rollback')
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Two commands were in each other's way and this one was undone. */
function mayGoBetter(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === '40001' || code === '40P01'
}
