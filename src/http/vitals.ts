import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

export interface VitalsReader {
  /** What has been since the last reading. Memory as a part of what there may be, the delay in milliseconds. */
  read(): { readonly memory: number; readonly loopDelayMs: number }
  stop(): void
}

const resolutionMs = 20

/** Looks at this process: its heap against V8's limit, its memory against the container's, its loop against the clock. */
export function openVitals(): VitalsReader {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  const containerBytes = readContainerLimit()
  return {
    read() {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
      const container = containerBytes === null ? 0 : process.memoryUsage.rss() / containerBytes
      const memory = Math.max(used / limit, container)
      // What is measured is the time between two ticks; the pause meant between them is no delay.
      const loopDelayMs = Math.max(0, delays.percentile(99) / 1e6 - resolutionMs)
      delays.reset()
      return { memory, loopDelayMs }
    },
    stop: () => void delays.disable(),
  }
}

/** Null outside a container with a limit. */
function readContainerLimit(): number | null {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'])
    try {
      const bytes = Number(readFileSync(file, 'utf8').trim())
      // Version 1 says "no limit" by a number that no machine has.
      if (Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 50) return bytes
    } catch {
      // Another system, or another version of the interface.
    }
  return null
}
