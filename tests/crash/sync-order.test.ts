import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokenOrders, readTrace } from './sync-order.ts'

const written = '11 pwrite64(20</d/sluice.db-wal>, "..job-1..", 4096, 32) = 4096'
const synced = '11 fdatasync(20</d/sluice.db-wal>) = 0'
const answered = '10 write(25<socket:[77]>, "HTTP/1.1 200 OK ... job-1", 300) = 300'

const broken = (...lines: string[]): string[] =>
  brokenOrders(readTrace(lines.join('\n')), ['job-1'])

test('written, synced, answered is the order', () => {
  assert.deepEqual(broken(written, synced, answered), [])
  assert.deepEqual(
    broken(
      written,
      '11 fdatasync(20</d/sluice.db-wal> <unfinished ...>',
      '10 write(25<socket:[77]>, "another", 7) = 7',
      '11 <... fdatasync resumed>) = 0',
      answered,
    ),
    [],
  )
})

test('every other order is found', () => {
  const early = ['job-1 was told before the log was synced']
  assert.deepEqual(broken(written, answered, synced), early)
  assert.deepEqual(broken(synced, written, answered), early)
  assert.deepEqual(
    broken(written, synced.replace('= 0', '= -1 EIO (Input/output error)'), answered),
    early,
  )
  assert.deepEqual(broken(written, synced.replace('sluice.db-wal', 'other.db'), answered), early)
  assert.deepEqual(
    broken(
      written,
      '11 fdatasync(20</d/sluice.db-wal> <unfinished ...>',
      answered,
      '11 <... fdatasync resumed>) = 0',
    ),
    early,
  )
  assert.deepEqual(
    broken(
      '11 fdatasync(20</d/sluice.db-wal> <unfinished ...>',
      written,
      '11 <... fdatasync resumed>) = 0',
      answered,
    ),
    early,
  )
  assert.deepEqual(broken(synced, answered), ['job-1 was told and never written to the log'])
  assert.deepEqual(broken(written, synced), ['no answer with job-1 is in the trace'])
})
