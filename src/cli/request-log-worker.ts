import { parentPort, workerData } from 'node:worker_threads'
import { systemRuntime } from '../core/system.ts'
import { BlockLog } from '../store/block-log.ts'
import type { BlockStore } from '../store/block-store.ts'
import type { LogRules, RequestLog } from '../store/request-log.ts'
import { SqliteBlockStore } from '../store/sqlite-block-store.ts'

// The thread in which the request log is written and searched.

export interface LogPlaceOptions {
  /** Null: in files in `folder`. */
  readonly url: string | null
  readonly folder: string
  readonly rules: LogRules
}

export interface LogQuestion {
  readonly id: number
  readonly name: keyof RequestLog
  readonly args: readonly unknown[]
}

export type LogReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: string }

if (!parentPort) throw new Error('The worker of the request log was started on its own.')
const port = parentPort
const { url, folder, rules } = workerData as LogPlaceOptions

async function openBlocks(): Promise<BlockStore> {
  if (url === null) return new SqliteBlockStore(folder)
  // Most gateways need no driver.
  const { openPostgresBlockStore } = await import('../store/postgres-block-store.ts')
  return await openPostgresBlockStore({ url })
}

async function openLog(): Promise<BlockLog> {
  const log = new BlockLog(await openBlocks(), rules, systemRuntime.clock)
  await log.begin()
  return log
}

let opening: Promise<BlockLog> | null = null

/** A database that was away at the start is asked again with the next question. */
function useLog(): Promise<BlockLog> {
  opening ??= openLog().catch((thrown: unknown) => {
    opening = null
    throw thrown
  })
  return opening
}

async function answer({ id, name, args }: LogQuestion): Promise<LogReply> {
  try {
    const log = await useLog()
    const method = log[name] as (...given: readonly unknown[]) => Promise<unknown>
    return { id, value: await method.apply(log, args as unknown[]) }
  } catch (thrown) {
    return { id, failure: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

port.on('message', (question: LogQuestion) => {
  void answer(question).then((reply) => {
    port.postMessage(reply)
    if (question.name === 'close') port.close()
  })
})
