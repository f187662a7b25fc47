// The gateway under a wall clock that the test sets: ahead of the true one by the milliseconds in the file SET_CLOCK. What
// it does every ten seconds, such as looking at that clock, it does twenty times as often.
import { readFileSync } from 'node:fs'

const { setTimeout: realSetTimeout } = globalThis
const trueNow = Date.now
const file = process.env['SET_CLOCK'] ?? ''
const beatMs = 10_000

Date.now = () => trueNow() + Number(readFileSync(file, 'utf8'))

globalThis.setTimeout = Object.assign(
  (act: (...given: unknown[]) => void, ms?: number, ...given: unknown[]) =>
    realSetTimeout(act, ms === beatMs ? beatMs / 20 : ms, ...given),
  realSetTimeout,
)

await import('../../../src/main.ts')
