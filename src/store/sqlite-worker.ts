import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Commands } from './commands.ts'
import { runGroup } from './group-commit.ts'
import { createQueryRunner, type QueryRunner } from './query-runner.ts'
import { type OpenDatabase, openDatabase } from './sqlite-open.ts'
import {
  type Opening,
  type Request,
  type ToWorker,
  toFailure,
  type WorkerOptions,
} from './sqlite-protocol.ts'
import { StoreLockedError } from './store-open-error.ts'

/** Keeps one transaction, and with it the first answer of a burst, short. */
const groupLimit = 1000

if (!parentPort) throw new Error('The worker of the store was started on its own.')
const port = parentPort

try {
  const { file, lockFile }: WorkerOptions = workerData
  const database = openDatabase(file, lockFile)
  port.postMessage({ opened: true } satisfies Opening)
  serve(database)
} catch (error) {
  port.postMessage({
    opened: false,
    locked: error instanceof StoreLockedError,
    failure: toFailure(error),
  } satisfies Opening)
}

function serve(database: OpenDatabase): void {
  const runner = createQueryRunner(database.db)
  let commands: Commands | undefined
  let waiting: Request[] = []
  let closing = false

  const take = (message: ToWorker): void => {
    if (message === 'close') closing = true
    else waiting.push(message)
  }
  const work = (): void => {
    if (!commands) return
    const taken = waiting
    waiting = []
    for (let start = 0; start < taken.length; start += groupLimit)
      port.postMessage(
        runGroup(database.db, taken.slice(start, start + groupLimit), runWith(commands, runner)),
      )
    if (!closing) return
    database.close()
    port.close()
  }

  port.on('message', (first: ToWorker) => {
    take(first)
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port))
      take(next.message)
    work()
  })
  // The query builder takes several times as long to load as everything else here, so it is loaded
  // after the opening was reported; what is asked meanwhile waits.
  void import('./commands.ts').then((loaded) => {
    commands = loaded.commands
    work()
  })
}

function runWith(commands: Commands, runner: QueryRunner): (request: Request) => unknown {
  return ({ name, args }) => {
    const command = commands[name] as (db: QueryRunner, ...args: readonly unknown[]) => unknown
    return command(runner, ...args)
  }
}
