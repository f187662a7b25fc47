import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type LogSettings, openLog } from './log.ts'

function open(more: Partial<LogSettings> = {}) {
  const writes: string[] = []
  const stream = {
    writableLength: 0,
    write(text: string): void {
      writes.push(text)
    },
  }
  const clock = new ManualClock()
  const log = openLog({ level: 'info', format: 'json', color: false, ...more }, stream, clock)
  const lines = () =>
    writes
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { log, stream, clock, writes, lines }
}

test('lines are gathered and written together, ten times a second', async () => {
  const { log, clock, writes, lines } = open()
  log.logger.info({ a: 1 }, 'one')
  log.record({ b: 2 }, 'two')
  log.logger.warn('three')
  await clock.advance(99)
  assert.equal(writes.length, 0)
  await clock.advance(1)
  assert.equal(writes.length, 1)
  assert.deepEqual(
    lines().map(({ msg }) => msg),
    ['one', 'two', 'three'],
  )
  log.logger.info('four')
  await clock.advance(100)
  assert.equal(writes.length, 2)
  assert.equal(clock.pending, 0)
})

test('a record and a line of the logger have the same form', () => {
  const { log, lines } = open()
  const fields = { call: 'x', text: 'a "quoted"\nline', none: undefined }
  log.logger.info(fields, 'the "message"')
  log.record(fields, 'the "message"')
  log.record({}, 'empty')
  log.flush()
  const [line, record, empty] = lines()
  assert.deepEqual(record, line)
  assert.deepEqual(record, {
    level: 'info',
    time: '2026-01-01T00:00:00.000Z',
    call: 'x',
    text: 'a "quoted"\nline',
    msg: 'the "message"',
  })
  assert.equal(empty?.['msg'], 'empty')
})

test('a line carries the time it was made, not the time it was written', async () => {
  const { log, clock, lines } = open()
  log.record({}, 'early')
  await clock.advance(50)
  log.record({}, 'late')
  await clock.advance(50)
  assert.deepEqual(
    lines().map(({ time }) => String(time).slice(-5)),
    ['.000Z', '.050Z'],
  )
})

test('below the level nothing is written, records neither', () => {
  const { log, writes } = open({ level: 'warn' })
  log.logger.info('no')
  log.record({}, 'no')
  log.flush()
  assert.deepEqual(writes, [])
  log.logger.error('yes')
  log.flush()
  assert.equal(writes.length, 1)
})

test('a flush does not lose what comes after it', async () => {
  const { log, clock, lines } = open()
  log.record({}, 'one')
  log.flush()
  log.record({}, 'two')
  await clock.advance(200)
  assert.deepEqual(
    lines().map(({ msg }) => msg),
    ['one', 'two'],
  )
})

test('lines beyond ten thousand in a batch are given up and counted', () => {
  const { log, lines } = open()
  for (let i = 0; i < 10_005; i++) log.record({ i }, 'call')
  assert.equal(log.dropped(), 5)
  log.flush()
  assert.equal(lines().length, 10_000)
  assert.equal(lines().at(-1)?.['i'], 9999)
})

test('while nobody reads, lines are given up and counted; once read again, they flow', () => {
  const { log, stream, lines } = open()
  stream.writableLength = 16 * 1024 * 1024 + 1
  log.record({}, 'lost')
  log.logger.info('lost')
  log.flush()
  assert.equal(log.dropped(), 2)
  assert.deepEqual(lines(), [])
  stream.writableLength = 0
  log.record({}, 'kept')
  log.flush()
  assert.equal(lines().length, 1)
  assert.equal(log.dropped(), 2)
})

test('for people each line is one line of words', () => {
  const { log, writes } = open({ format: 'pretty' })
  log.record({ status: 200, model: 'gpt-4o' }, 'call')
  log.logger.warn({ reason: 'a b' }, 'careful')
  log.flush()
  assert.equal(
    writes.join(''),
    '00:00:00.000 INFO  call  status=200 model=gpt-4o\n00:00:00.000 WARN  careful  reason="a b"\n',
  )
})
