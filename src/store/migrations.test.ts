import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { listKeys } from './key-commands.ts'
import { type Migration, migrations } from './migrations.ts'
import { newStoredKey } from './new-stored-key.ts'
import { migrate } from './sqlite-migrate.ts'
import { createSqliteRunner } from './sqlite-steps.ts'

const one: Migration = { number: 1, statements: ['create table one (a)'] }
const two: Migration = {
  number: 2,
  statements: ['create table two (a)', 'insert into two values (1)'],
}
const broken: Migration = { number: 2, statements: ['create table two (a)', 'no such statement'] }

function readTables(db: DatabaseSync): unknown[] {
  return db
    .prepare("select name from sqlite_schema where type = 'table' order by name")
    .all()
    .map((row) => row['name'])
}

test('the steps count up from 1 without gaps', () => {
  assert.deepEqual(
    migrations.map(({ number }) => number),
    migrations.map((_, index) => index + 1),
  )
})

test('a step that fails leaves nothing of itself and everything of those before it', () => {
  const db = new DatabaseSync(':memory:')
  assert.throws(() => migrate(db, 'x.db', [one, broken]), /no such statement|syntax/)
  assert.deepEqual(readTables(db), ['one'])
})

test('a run goes on where the last one stopped', () => {
  const db = new DatabaseSync(':memory:')
  assert.throws(() => migrate(db, 'x.db', [one, broken]))
  migrate(db, 'x.db', [one, two])
  migrate(db, 'x.db', [one, two])
  assert.deepEqual(readTables(db), ['one', 'two'])
  assert.equal(db.prepare('select count(*) as n from two').get()?.['n'], 1)
})

test('a database newer than the program is refused with both versions and the file', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, 'x.db', [one, two])
  assert.throws(() => migrate(db, 'x.db', [one]), {
    name: 'StoreOpenError',
    message: /^x\.db was written by a newer Sluice \(schema 2, this one knows 1\)/,
  })
})

test('a database of another program is refused and left as it is', () => {
  const db = new DatabaseSync(':memory:')
  db.exec('create table theirs (a)')
  assert.throws(() => migrate(db, 'x.db', [one]), {
    name: 'StoreOpenError',
    message: /another program/,
  })
  assert.deepEqual(readTables(db), ['theirs'])
})

test('a database of the first version keeps what it holds', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, 'x.db', migrations.slice(0, 1))
  db.exec("insert into settings values ('a', 'x')")
  migrate(db, 'x.db')
  assert.equal(db.prepare('select value from settings').get()?.['value'], 'x')
  assert.ok(readTables(db).includes('jobs'))
})

test('keys of the third version are kept what is said, as before', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, 'x.db', migrations.slice(0, 3))
  db.prepare(
    `insert into virtual_keys (id, name, hash, hint, origin, enabled, created_at)
     values ('a', 'a', ?, 'x', 'api', 1, 5)`,
  ).run('a'.repeat(64))
  migrate(db, 'x.db')
  assert.deepEqual(
    createSqliteRunner(db)(listKeys()).map(({ logContent }) => logContent),
    [true],
  )
})

test('a database of the second version keeps its keys, and a program of that version can add more', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, 'x.db', migrations.slice(0, 2))
  const insert = (id: string, createdAt: number) =>
    db
      .prepare(
        `insert into virtual_keys (id, name, hash, hint, origin, enabled, created_at)
         values (?, ?, ?, 'x', 'api', 1, ?)`,
      )
      .run(id, id, 'a'.repeat(64), createdAt)
  insert('before', 5)
  migrate(db, 'x.db')
  insert('after', 6)
  const expected = ['before', 'after'].map((id, i) =>
    newStoredKey({
      ...{ id, name: id, hash: 'a'.repeat(64), hint: 'x', origin: 'api', createdAt: 5 + i },
    }),
  )
  assert.deepEqual(createSqliteRunner(db)(listKeys()), expected)
})
