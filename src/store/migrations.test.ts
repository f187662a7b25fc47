import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { type Migration, migrations } from './migrations.ts'
import { migrate } from './sqlite-migrate.ts'

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
