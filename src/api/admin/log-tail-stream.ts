import { Readable } from 'node:stream'
import type { Clock, Timer } from '../../core/runtime.ts'
import type { LogTail, TailEvent } from '../../gateway/log-tail.ts'
import { showLogged } from './log-shown.ts'

const quietMs = 15_000

/** Calls as they end, as server-sent events. `since`: the number of the last event the watcher saw; null: it comes anew. */
export function tailStream(tail: LogTail, since: number | null, clock: Clock): Readable {
  let skipped = 0
  let quiet: Timer | null = null
  const stream = new Readable({
    read() {},
    destroy(error, done) {
      quiet?.cancel()
      stop()
      done(error)
    },
  })
  const send = (event: TailEvent): void => {
    // A watcher that does not read is told less, not kept more for.
    if (stream.readableLength > heldAtMost) skipped += event.calls.length
    else {
      if (skipped > 0) stream.push(frame('skipped', event.number, { calls: skipped }))
      skipped = 0
      stream.push(frame('calls', event.number, event.calls.map(showLogged)))
    }
    quiet?.refresh()
  }
  const missed = since === null ? [] : tail.since(since)
  stream.push(': watching\n\n')
  if (missed === null) stream.push('event: gap\ndata: {}\n\n')
  const stop = tail.watch(send)
  for (const event of missed ?? []) send(event)
  quiet = clock.timer(quietMs, () => {
    stream.push(':\n\n')
    quiet?.refresh()
  })
  return stream
}

const heldAtMost = 1024 * 1024

const frame = (name: string, id: number, data: unknown): string =>
  `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
