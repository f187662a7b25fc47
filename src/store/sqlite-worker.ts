import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { FileGuard, refuseGroup } from './file-guard.ts'
import { runGroup, runReads } from './group-commit.ts'
import { buffersIn } from './message-bytes.ts'
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
const groupLimit = 200

if (!parentPort) throw new Error('The worker of the store was started on its own.')
const port = parentPort

try {
  const options = workerData as WorkerOptions
  const database = openDatabase(options)
  port.postMessage({ opened: true } satisfies Opening)
  // One long read after the other: what is answered first need not wait for the last.
  serve(database, options.readOnly ? runReads : runGroup, options.readOnly ? 1 : groupLimit)
} catch (error) {
  port.postMessage({
    opened: false,
    locked: error instanceof StoreLockedError,
    failure: toFailure(error),
  } satisfies Opening)
}

function serve(database: OpenDatabase, runAll: typeof runGroup, most: number): void {
  const guard = new FileGuard(database.file)
  let run: ((request: Request) => unknown) | undefined
  let waiting: Request[] = []
  let closing = false

  const take = (message: ToWorker): void => {
    if (message === 'close') closing = true
    else waiting.push(message)
  }
  const work = (): void => {
    if (!run) return
    const taken = waiting
    waiting = []
    for (let start = 0; start < taken.length; start += most) {
      const requests = taken.slice(start, start + most)
      const why = guard.trouble()
      const group = why === null ? runAll(database.db, requests, run) : refuseGroup(requests, why)
      guard.note(group)
      // Bodies and results were read for this answer alone.
      port.postMessage(group, buffersIn(group.replies))
    }
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
  void Promise.all([import('./commands.ts'), import('./sqlite-steps.ts')]).then(
    ([{ startCommand }, { createSqliteRunner }]) => {
      const runSteps = createSqliteRunner(database.db)
      run = ({ name, args }) => runSteps(startCommand(name, args))
      work()
    },
  )
}
