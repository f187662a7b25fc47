import { randomUUID, randomUUIDv7 } from 'node:crypto'
import type { Clock, Runtime } from './runtime.ts'

// The one impure file of the core: the real clock, real chance, real identities.
const clock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      const stop = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', stop, { once: true })
    }),
  timer(ms, fire) {
    // Not unref'd: that switches the loop's own handle off and on for every call, which was measured at some percent.
    const timer = setTimeout(fire, ms)
    return { refresh: () => void timer.refresh(), cancel: () => clearTimeout(timer) }
  },
  soon: (fire) => void setImmediate(fire),
}

export const systemRuntime: Runtime = {
  clock,
  random: Math.random,
  newId: () => randomUUIDv7(),
  randomId: () => randomUUID(),
}
