import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FileGuard, refuseGroup } from './file-guard.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-guard-'))
const file = join(folder, 'x.db')
after(() => rmSync(folder, { recursive: true }))

test('a file that was removed or replaced is not written any more, one that is back is', () => {
  writeFileSync(file, 'a')
  const guard = new FileGuard(file)
  assert.equal(guard.trouble(), null)
  renameSync(file, `${file}.away`)
  assert.match(guard.trouble() ?? '', /was removed or replaced/)
  writeFileSync(file, 'another')
  assert.match(guard.trouble() ?? '', /was removed or replaced/)
  renameSync(`${file}.away`, file)
  assert.equal(guard.trouble(), null)
})

test('from the first damaged page on nothing more is taken; other failures pass', () => {
  writeFileSync(file, 'a')
  const guard = new FileGuard(file)
  const failed = (errcode: number | null) => ({
    replies: [{ id: 1, failure: { message: 'm', stack: null, errcode } }],
    committed: false,
  })
  for (const errcode of [null, 13, 5, 19]) guard.note(failed(errcode))
  assert.equal(guard.trouble(), null)
  guard.note(failed(11 | (1 << 8)))
  assert.match(guard.trouble() ?? '', /is damaged/)
})

test('a group that is refused has an answer for each of its requests', () => {
  const { replies, committed } = refuseGroup([{ id: 4 }, { id: 9 }], 'why')
  assert.deepEqual(
    replies.map((reply) => [reply.id, 'failure' in reply && reply.failure.message]),
    [
      [4, 'why'],
      [9, 'why'],
    ],
  )
  assert.equal(committed, false)
})
