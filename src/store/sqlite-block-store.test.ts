import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it, type TestContext } from 'node:test'
import {
  bodyOf,
  callId,
  logEntry,
  logRules,
  noon,
  requestLogSuite,
} from '../../tests/request-log-suite.ts'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { BlockLog } from './block-log.ts'
import { encodeEntries } from './request-log-builder.ts'
import { noFilter } from './request-log-filter.ts'
import { SqliteBlockStore } from './sqlite-block-store.ts'

const newFolder = (): string => mkdtempSync(path.join(tmpdir(), 'sluice-log-'))

requestLogSuite('the request log in files', async () => {
  const folder = newFolder()
  const store = new SqliteBlockStore(folder)
  return {
    store,
    async empty() {
      for (const day of await store.days()) await store.drop(day)
    },
    async destroy() {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
})

function openLog(context: TestContext, folder = newFolder()) {
  const store = new SqliteBlockStore(folder)
  const log = new BlockLog(store, logRules, new ManualClock(noon))
  context.after(() => log.close())
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  let count = 0
  const append = (id: string, text?: string) =>
    log.append({
      id: `b${++count}`,
      blocks: encodeEntries([logEntry(id)]),
      bodies: text === undefined ? [] : [bodyOf(id, text)],
      loss: null,
    })
  return { folder, store, log, append }
}

const idsIn = async (log: BlockLog): Promise<readonly string[]> =>
  (await log.find(noFilter, null, 100)).calls.map(({ id }) => id)

it('a day is a file, readable by its owner alone, and what was said is in another', async (context) => {
  const { folder, log, append } = openLog(context)
  await append(callId(noon), '{"a":1}')
  await log.close()
  assert.deepEqual(readdirSync(folder).toSorted(), ['calls-2026-01-10.db', 'content-2026-01-10.db'])
  for (const name of readdirSync(folder))
    assert.equal(statSync(path.join(folder, name)).mode & 0o777, 0o600)
})

it('what was written is found by the next who opens it, and small blocks go on being put together', async (context) => {
  const { folder, log, append } = openLog(context)
  for (let n = 0; n < 10; n++) await append(callId(noon, n))
  await log.close()
  const next = openLog(context, folder)
  await next.log.begin()
  for (let n = 10; n < 16; n++)
    await next.log.append({
      id: `next${n}`,
      blocks: encodeEntries([logEntry(callId(noon, n))]),
      bodies: [],
      loss: null,
    })
  assert.equal((await idsIn(next.log)).length, 16)
  assert.equal(next.store.blocks(0, Number.POSITIVE_INFINITY).length, 1)
})

it('a large day goes on in another file, and is still one day', async (context) => {
  const { folder, store, log, append } = openLog(context)
  const ids = [0, 1, 2].map((n) => callId(noon, n))
  for (const id of ids) {
    store.partBytes = 1
    await append(id, '{"a":1}')
  }
  assert.deepEqual(await idsIn(log), ids.toReversed())
  assert.equal((await log.get(ids[0] ?? ''))?.bodies.length, 1)
  assert.equal(readdirSync(folder).filter((name) => /^calls-.*\.db$/.test(name)).length, 3)
})

it('a file that was removed or damaged takes nothing with it but what it held', async (context) => {
  const { folder, log, append } = openLog(context)
  const today = path.join(folder, 'calls-2026-01-10.db')
  await append(callId(noon, 1))
  rmSync(today)
  await append(callId(noon, 2))
  assert.deepEqual(await idsIn(log), [callId(noon, 2)])
  await log.close()
  for (const name of readdirSync(folder)) rmSync(path.join(folder, name))
  writeFileSync(today, 'this is no database, but long enough to be taken for one '.repeat(100))
  const next = openLog(context, folder)
  await next.append(callId(noon, 3))
  assert.deepEqual(await idsIn(next.log), [callId(noon, 3)])
  assert.ok(readdirSync(folder).includes('calls-2026-01-10.db.damaged'))
  for (const day of await next.store.days()) await next.store.drop(day)
  assert.deepEqual(readdirSync(folder), [])
})

it('a file that somebody else holds fails the batch, which can be given again', async (context) => {
  const { folder, log, append } = openLog(context)
  await append(callId(noon, 1))
  const other = new DatabaseSync(path.join(folder, 'calls-2026-01-10.db'))
  other.exec('begin immediate')
  await assert.rejects(append(callId(noon, 2)), /locked/)
  other.exec('rollback')
  other.close()
  await append(callId(noon, 2))
  assert.equal((await idsIn(log)).length, 2)
})
