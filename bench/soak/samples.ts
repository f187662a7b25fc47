// What the gateway holds while nothing is under way.
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { descriptors, type Server, waitForLine } from '../processes.ts'
import type { Sample } from './verdict.ts'

/** The gateway's debugger, which alone can ask it to collect its garbage. */
export interface Collector {
  readonly collectGarbage: () => Promise<void>
  readonly close: () => void
}

/** For a server started with `--inspect`. */
export async function openCollector(server: Server): Promise<Collector> {
  const match = await waitForLine(server, /Debugger listening on (ws:\/\/\S+)/, 10_000)
  const socket = new WebSocket(match[1] ?? '')
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('the debugger of the gateway could not be reached'))
  })
  const waiting = new Map<number, () => void>()
  socket.onmessage = ({ data }) => {
    const { id } = JSON.parse(String(data)) as { id?: number }
    if (id !== undefined) waiting.get(id)?.()
  }
  let lastId = 0
  return {
    collectGarbage: () =>
      new Promise((resolve, reject) => {
        lastId += 1
        waiting.set(lastId, resolve)
        socket.onclose = () => reject(new Error('the gateway has gone'))
        socket.send(JSON.stringify({ id: lastId, method: 'HeapProfiler.collectGarbage' }))
      }),
    close: () => socket.close(),
  }
}

/**
 * Waits until the gateway has closed what it no longer needs, collects garbage and looks. Kept
 * connections to the provider may remain. Throws if `/metrics` lacks a figure.
 */
export async function takeSample(
  pid: number,
  port: number,
  collector: Collector,
  requests: number,
): Promise<Sample> {
  await waitUntilSteady(pid)
  // What the first collection finalises is freed by the second.
  await collector.collectGarbage()
  await collector.collectGarbage()
  const held = descriptors(pid)
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { connection: 'close' },
  })
  const text = await reply.text()
  return {
    requests,
    heapBytes: readMetric(text, 'nodejs_heap_size_used_bytes'),
    externalBytes: readMetric(text, 'nodejs_external_memory_bytes'),
    residentBytes: readMetric(text, 'process_resident_memory_bytes'),
    fds: held.length,
    sockets: held.filter((target) => target.startsWith('socket:')).length,
  }
}

/** Three looks alike, 100 ms apart; gives up after 3 s. */
async function waitUntilSteady(pid: number): Promise<void> {
  let alike = 0
  let before = -1
  for (let look = 0; look < 30 && alike < 3; look++) {
    const count = fs.readdirSync(`/proc/${pid}/fd`).length
    alike = count === before ? alike + 1 : 1
    before = count
    await sleep(100)
  }
}

/** A prefix before the name is allowed. */
function readMetric(text: string, name: string): number {
  const value = new RegExp(`^\\w*${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1]
  if (value === undefined) throw new Error(`/metrics of the gateway does not show ${name}`)
  return Number(value)
}
