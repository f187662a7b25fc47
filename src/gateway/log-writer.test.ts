import assert from 'node:assert/strict'
import test from 'node:test'
import { callId } from '../../tests/request-log-suite.ts'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { sampleCall } from '../../tests/support/sample-call.ts'
import type { RequestLogConfig } from '../config/config.ts'
import type { Call, CallContent } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import { recordOf } from '../observability/records.ts'
import type { LogBatch } from '../store/request-log.ts'
import { callIn, decodeBlock } from '../store/request-log-block.ts'
import { ContentCapture } from './content-capture.ts'
import { LogTail, type TailEvent } from './log-tail.ts'
import { LogWriter } from './log-writer.ts'

const start = Date.UTC(2026, 0, 10, 12)
const settings: RequestLogConfig = {
  enabled: true,
  content: 'all',
  contentKeepMs: 1,
  keepMs: 1,
  maxBytes: 1,
  maxBodyBytes: 1000,
  clientAddress: 'none',
}

function openWriter() {
  const clock = new ManualClock(start)
  const tail = new LogTail(clock)
  const content = new ContentCapture()
  const written: LogBatch[] = []
  const warnings: string[] = []
  const store = { fails: false, asked: 0 }
  let ids = 0
  const writer = new LogWriter({
    log: {
      async append(batch) {
        store.asked++
        if (store.fails) throw new GatewayError('storage_unavailable', 'the disk is full')
        written.push(batch)
      },
    },
    ...{ clock, tail, content },
    newId: () => `batch-${++ids}`,
    settings: () => settings,
    warn: (_, what) => warnings.push(what),
  })
  const add = (n: number, more: Partial<Call> = {}): void => {
    const call = sampleCall({ id: callId(start + n, n), ...more })
    const record = recordOf(call, 100)
    writer.add(record, call, JSON.stringify(record))
  }
  const callsIn = (): readonly string[] =>
    written.flatMap(({ blocks }) =>
      blocks.flatMap(({ columns, calls }) =>
        Array.from({ length: calls }, (_, row) => callIn(decodeBlock(columns), row).id),
      ),
    )
  return { clock, tail, writer, written, warnings, store, add, callsIn }
}

test('calls are written together, twice a second, and at once where there are a thousand', async () => {
  const { clock, writer, written, add, callsIn } = openWriter()
  for (let n = 0; n < 5; n++) add(n)
  await clock.advance(499)
  assert.equal(written.length, 0)
  assert.equal(writer.waiting, 5)
  await clock.advance(1)
  assert.deepEqual(
    callsIn(),
    [0, 1, 2, 3, 4].map((n) => callId(start + n, n)),
  )
  assert.equal(writer.waiting, 0)
  for (let n = 5; n < 1006; n++) add(n)
  await writer.flush()
  assert.equal(callsIn().length, 1006)
})

test('what the record says is in the log, and its line as it is', async () => {
  const { writer, written, add } = openWriter()
  const error = new GatewayError('upstream_timeout', 'it was too slow')
  add(1, { error, status: 504, asked: 'smart', fallback: 1, dimensions: { app: 'shop' } })
  await writer.flush()
  const [block] = written[0]?.blocks ?? []
  assert.ok(block)
  const call = callIn(decodeBlock(block.columns), 0)
  assert.deepEqual(
    [call.status, call.error, call.message, call.route, call.fallback, call.key, call.label],
    [504, 'upstream_timeout', 'it was too slow', 'smart', 1, 'team-a', 'req-1'],
  )
  assert.deepEqual(call.dimensions, { app: 'shop' })
  const line = JSON.parse(Buffer.from(block.texts).toString('utf8')) as Record<string, unknown>
  assert.deepEqual([line['call'], line['error']], [call.id, 'upstream_timeout'])
})

test('a batch that is not taken is given again, under the same name, and told once', async () => {
  const { clock, writer, written, warnings, store, add, callsIn } = openWriter()
  store.fails = true
  add(1)
  await clock.advance(500)
  await clock.advance(250)
  await clock.advance(500)
  assert.equal(store.asked, 3)
  assert.equal(warnings.length, 1)
  add(2)
  store.fails = false
  await clock.advance(1000)
  await writer.flush()
  assert.deepEqual(callsIn(), [callId(start + 1, 1), callId(start + 2, 2)])
  assert.deepEqual(
    written.map(({ id }) => id),
    ['batch-1', 'batch-2'],
  )
  assert.equal(writer.lost, 0)
})

test('beyond ten thousand the oldest are given up, counted, and told with the next that is written', async () => {
  const { clock, writer, written, store, add, callsIn } = openWriter()
  store.fails = true
  for (let n = 0; n < 13_000; n++) add(n)
  await clock.advance(500)
  assert.equal(writer.lost + writer.waiting, 13_000)
  assert.ok(writer.waiting <= 10_000 && writer.waiting >= 9000, String(writer.waiting))
  const { lost } = writer
  store.fails = false
  await clock.advance(20_000)
  await writer.flush()
  assert.equal(callsIn().length + lost, 13_000)
  const losses = written.flatMap(({ loss }) => loss ?? [])
  assert.equal(
    losses.reduce((sum, { calls }) => sum + (calls ?? 0), 0),
    lost,
  )
  assert.match(losses[0]?.reason ?? '', /too long/)
})

test('a call whose id tells no time is counted as lost instead of breaking the others', async () => {
  const { writer, add, callsIn } = openWriter()
  add(1)
  add(2, { id: 'no-uuid' })
  await writer.flush()
  assert.deepEqual(callsIn(), [callId(start + 1, 1)])
  assert.equal(writer.lost, 1)
})

test('stopped, it writes only what it is told to', async () => {
  const { clock, writer, written, add } = openWriter()
  add(1)
  writer.stop()
  await clock.advance(10_000)
  assert.equal(written.length, 0)
  add(2)
  await writer.flush()
  assert.equal(written[0]?.blocks[0]?.calls, 2)
  assert.equal(clock.pending, 0)
})

const said = (more: Partial<CallContent> = {}): CallContent => ({
  errorsOnly: false,
  request: Buffer.from('{"a":1}'),
  reply: [Buffer.from('{"b":2}')],
  replyForm: 'json',
  replyBytes: 7,
  isLost: false,
  ...more,
})

test('what was said goes along where it is kept: of all calls, of those that failed, or not', async () => {
  const { writer, written, add } = openWriter()
  const error = new GatewayError('upstream_error', 'it failed')
  add(1, { content: said() })
  add(2, { content: said({ errorsOnly: true }) })
  add(3, { content: said({ errorsOnly: true, reply: [], replyBytes: 0 }), error, status: 502 })
  add(4, { content: 'private' })
  add(5)
  await writer.flush()
  const bodies = (written[0]?.bodies ?? []).map(({ call, part, bytes }) => [
    Number.parseInt(call.slice(-2), 16),
    part,
    Buffer.from(bytes).toString('utf8').slice(0, 20),
  ])
  assert.deepEqual(bodies, [
    [1, 'request', '{"a":1}'],
    [1, 'reply', '{"b":2}'],
    [3, 'request', '{"a":1}'],
    [3, 'reply', '{"error":{"message":'],
  ])
})

test('whoever watches is told of calls as they end, and goes on where it was', async () => {
  const { clock, tail, writer, add } = openWriter()
  add(1)
  await writer.flush()
  const seen: TailEvent[] = []
  const stop = tail.watch((event) => seen.push(event))
  add(2)
  add(3)
  await writer.flush()
  assert.deepEqual(
    seen.map(({ calls }) => calls.map(({ id }) => id)),
    [[callId(start + 2, 2), callId(start + 3, 3)]],
  )
  stop()
  add(4)
  await writer.flush()
  assert.equal(seen.length, 1)
  const missed = tail.since(seen[0]?.number ?? 0)
  assert.deepEqual(
    missed?.flatMap(({ calls }) => calls.map(({ id }) => id)),
    [callId(start + 4, 4)],
  )
  await clock.advance(60_001)
  add(5)
  await writer.flush()
  add(6)
  await writer.flush()
  assert.equal(tail.since(seen[0]?.number ?? 0), null)
})
