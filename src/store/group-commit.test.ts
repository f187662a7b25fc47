import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { runGroup } from './group-commit.ts'
import type { Request } from './sqlite-protocol.ts'

function openTable(): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  db.exec('create table t (a text primary key)')
  return db
}

/** One request per text; `run` below inserts it. */
function requestsFor(...texts: readonly string[]): Request[] {
  return texts.map((text, id) => ({ id, name: 'putSetting', args: [text] }))
}

function insertInto(db: DatabaseSync): (request: Request) => unknown {
  return ({ args }) => {
    db.prepare('insert into t values (?)').run(String(args[0]))
    return `wrote ${args[0]}`
  }
}

function readAll(db: DatabaseSync): unknown[] {
  return db
    .prepare('select a from t order by a')
    .all()
    .map((row) => row['a'])
}

test('all requests of a group are answered in order and committed', () => {
  const db = openTable()
  const group = runGroup(db, requestsFor('x', 'y'), insertInto(db))
  assert.deepEqual(group, {
    replies: [
      { id: 0, value: 'wrote x' },
      { id: 1, value: 'wrote y' },
    ],
    committed: true,
  })
  assert.equal(db.isTransaction, false)
  assert.deepEqual(readAll(db), ['x', 'y'])
})

test('a request that throws halfway is undone and fails alone', () => {
  const db = openTable()
  const insert = insertInto(db)
  const group = runGroup(db, requestsFor('x', 'half', 'y'), (request) => {
    const value = insert(request)
    if (request.args[0] === 'half') throw new Error('no')
    return value
  })
  assert.deepEqual(
    group.replies.map((reply) => ('value' in reply ? reply.value : reply.failure.message)),
    ['wrote x', 'no', 'wrote y'],
  )
  assert.deepEqual(readAll(db), ['x', 'y'])
})

test('a commit that fails for each fails every request and leaves nothing behind', () => {
  const db = openTable()
  db.exec('pragma foreign_keys = on')
  db.exec('create table child (a text references t (a) deferrable initially deferred)')
  const insert = insertInto(db)
  const group = runGroup(db, requestsFor('x', 'y'), (request) => {
    db.exec("insert into child values ('nobody')")
    return insert(request)
  })
  assert.equal(group.committed, false)
  assert.deepEqual(
    group.replies.map((reply) => 'failure' in reply && /FOREIGN KEY/.test(reply.failure.message)),
    [true, true],
  )
  assert.deepEqual(readAll(db), [])
  assert.equal(runGroup(db, [], insert).committed, true)
})

test('when a full disk ends the transaction, only what does not fit fails', () => {
  const db = openTable()
  const insert = insertInto(db)
  const pages = Number(db.prepare('pragma page_count').get()?.['page_count'])
  db.exec(`pragma max_page_count = ${pages + 2}`)
  const group = runGroup(db, requestsFor('x', 'y'.repeat(100_000), 'z'), insert)
  assert.equal(group.committed, true)
  assert.deepEqual(
    group.replies.map((reply) => ('value' in reply ? reply.value : reply.failure.message)),
    ['wrote x', 'database or disk is full', 'wrote z'],
  )
  assert.deepEqual(readAll(db), ['x', 'z'])
})

test('what only reads is answered beside what cannot be committed', () => {
  const db = openTable()
  db.exec('pragma foreign_keys = on')
  db.exec('create table child (a text references t (a) deferrable initially deferred)')
  const group = runGroup(db, requestsFor('read', 'x'), ({ args }) => {
    if (args[0] === 'read') return readAll(db)
    db.exec("insert into child values ('nobody')")
    return null
  })
  assert.deepEqual(
    group.replies.map((reply) => ('value' in reply ? reply.value : reply.failure.message)),
    [[], 'FOREIGN KEY constraint failed'],
  )
  assert.equal(db.isTransaction, false)
})

test('while another connection holds the lock, every request fails with the reason', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-group-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const other = new DatabaseSync(join(folder, 'x.db'))
  other.exec('create table t (a text primary key); begin immediate')
  const db = new DatabaseSync(join(folder, 'x.db'), { timeout: 0 })
  const group = runGroup(db, requestsFor('x', 'y'), insertInto(db))
  assert.deepEqual(
    group.replies.map((reply) => 'failure' in reply && reply.failure.message),
    ['database is locked', 'database is locked'],
  )
  other.exec('rollback')
  assert.equal(runGroup(db, requestsFor('x'), insertInto(db)).committed, true)
  other.close()
  db.close()
})
