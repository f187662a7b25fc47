import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { Span } from './span.ts'
import { TraceSink, type TraceSinkSettings } from './trace-sink.ts'

const span = (name: string): Span => ({
  ...{ traceId: 't', spanId: name, parentId: null, hasRemoteParent: false, state: '', name },
  ...{ kind: 'server', startedAt: 0, endedAt: 1, isError: false, attributes: {}, links: [] },
})
const spans = (count: number): readonly Span[] =>
  Array.from({ length: count }, (_, i) => span(String(i)))

/** A sink whose collector answers as the test says: each export waits for its `answer`. */
function rig(settings: Partial<TraceSinkSettings> = {}) {
  const clock = new ManualClock()
  const exports: { readonly names: readonly string[]; answer(error?: string): Promise<void> }[] = []
  const dropped: string[] = []
  const turns: (string | null)[] = []
  let exported = 0
  const sink = new TraceSink({
    settings: { queueSpans: 10, batchSpans: 4, everyMs: 1000, exportMs: 500, ...settings },
    clock,
    send: (batch) =>
      new Promise((resolve, reject) => {
        const answer = (error?: string): Promise<void> => {
          if (error === undefined) resolve()
          else reject(new Error(error))
          return clock.advance(0)
        }
        exports.push({ names: batch.map(({ name }) => name), answer })
      }),
    onExported: (count) => {
      exported += count
    },
    onDropped: (count, reason) => dropped.push(`${count} ${reason}`),
    onTurn: (reason) => turns.push(reason),
  })
  return { sink, clock, exports, dropped, turns, exported: () => exported }
}

test('spans are gathered for a while and sent together', async () => {
  const { sink, clock, exports, exported } = rig()
  sink.add([span('a')])
  sink.add([span('b')])
  await clock.advance(999)
  assert.equal(exports.length, 0)
  await clock.advance(1)
  assert.deepEqual(exports[0]?.names, ['a', 'b'])
  assert.equal(exported(), 0)
  await exports[0]?.answer()
  assert.equal(exported(), 2)
  sink.add([span('c')])
  await clock.advance(1000)
  assert.deepEqual(exports[1]?.names, ['c'])
})

test('a full batch goes at once, one after the other', async () => {
  const { sink, clock, exports } = rig()
  sink.add(spans(10))
  await clock.advance(0)
  assert.equal(exports.length, 1)
  await exports[0]?.answer()
  await exports[1]?.answer()
  assert.deepEqual(
    exports.map(({ names }) => names.length),
    [4, 4, 2],
  )
})

test('what does not fit is given up whole and counted, and what waits stays', async () => {
  const { sink, clock, exports, dropped, exported } = rig()
  sink.add(spans(4))
  await clock.advance(0)
  for (let i = 0; i < 3; i++) sink.add(spans(3))
  sink.add(spans(2))
  sink.add([span('fits')])
  assert.deepEqual(dropped, ['2 queue_full'])
  for (const each of [0, 1, 2, 3]) await exports[each]?.answer()
  assert.equal(exported(), 14)
  assert.equal(exports.at(-1)?.names.at(-1), 'fits')
})

test('a collector that never answers costs one export at a time and then those spans', async () => {
  const { sink, clock, exports, dropped, turns } = rig()
  sink.add(spans(8))
  await clock.advance(500)
  assert.deepEqual(dropped, ['4 export_failed'])
  assert.equal(exports.length, 2)
  await clock.advance(500)
  assert.deepEqual(dropped, ['4 export_failed', '4 export_failed'])
  assert.deepEqual(turns, ['no answer in time'])
})

test('a failure is told when it begins and when it is over, not each time', async () => {
  const { sink, clock, exports, dropped, turns } = rig()
  const round = async (error?: string): Promise<void> => {
    sink.add([span('x')])
    await clock.advance(1000)
    await exports.at(-1)?.answer(error)
  }
  await round()
  await round('refused')
  await round('refused')
  assert.deepEqual(turns, ['refused'])
  await round()
  assert.deepEqual(turns, ['refused', null])
  assert.deepEqual(dropped, ['1 export_failed', '1 export_failed'])
})

test('a stop sends what is left and leaves no timer', async () => {
  const { sink, clock, exports, exported, dropped } = rig()
  sink.add(spans(6))
  const closed = sink.close()
  await clock.advance(0)
  await exports[0]?.answer()
  await exports[1]?.answer()
  await closed
  assert.equal(exported(), 6)
  assert.deepEqual(dropped, [])
  assert.equal(clock.pending, 0)
  sink.add([span('late')])
  assert.deepEqual(dropped, ['1 shutdown'])
  assert.equal(clock.pending, 0)
})

test('a stop waits five seconds at most, and what has not arrived is counted once', async () => {
  const { sink, clock, exports, exported, dropped } = rig({ exportMs: 60_000 })
  sink.add(spans(6))
  let isClosed = false
  const closed = sink.close().then(() => {
    isClosed = true
  })
  await clock.advance(4999)
  assert.equal(isClosed, false)
  await clock.advance(1)
  await closed
  assert.deepEqual(dropped, ['6 shutdown'])
  await exports[0]?.answer()
  assert.equal(exported(), 0)
  assert.deepEqual(dropped, ['6 shutdown'])
})

test('a stop waits a second only where the collector was away before', async () => {
  const { sink, clock, exports, dropped } = rig({ exportMs: 60_000 })
  sink.add([span('a')])
  await clock.advance(1000)
  await exports[0]?.answer('refused')
  sink.add([span('b')])
  let isClosed = false
  void sink.close().then(() => {
    isClosed = true
  })
  await clock.advance(1000)
  assert.equal(isClosed, true)
  assert.deepEqual(dropped, ['1 export_failed', '1 shutdown'])
})
