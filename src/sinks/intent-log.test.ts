import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { IntentLog } from './intent-log.ts'

const linesIn = (folder: string): readonly string[] =>
  IntentLog.recover(folder).flatMap(({ lines }) => lines())

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function open() {
  const parent = mkdtempSync(join(tmpdir(), 'sluice-intents-'))
  folders.push(parent)
  const folder = join(parent, 'intents')
  const clock = new ManualClock()
  return { folder, clock, log: new IntentLog(folder, 'me', clock) }
}

test('a line that was acknowledged is in the file, readable by nobody else', async () => {
  const { folder, log } = open()
  log.open('one')
  log.open('two')
  assert.deepEqual(linesIn(folder), ['one', 'two'])
  const [file = ''] = readdirSync(folder)
  assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('what is closed is forgotten once the log ends, what is not stays for the next start', async () => {
  const { folder, log } = open()
  const first = log.open('one')
  const second = log.open('two')
  first.close()
  first.close()
  log.stop()
  assert.deepEqual(linesIn(folder), ['one', 'two'])
  second.close()
  assert.deepEqual(readdirSync(folder), [])
})

test('half a line of a process that died in the middle of it is no line', async () => {
  const { folder, log } = open()
  log.open('whole')
  writeFileSync(join(folder, 'other.0.intents'), 'first\nsec')
  const left = IntentLog.recover(folder)
  const told = left.map(({ node, lines }) => [node, ...lines()].join(' '))
  assert.deepEqual(told.toSorted(), ['me whole', 'other first'])
  for (const { forget } of left) forget()
  assert.deepEqual(readdirSync(folder), [])
})

test('files do not grow without bound, and end with the last of their intents', async () => {
  const { folder, log } = open()
  const line = 'x'.repeat(64 * 1024)
  for (let i = 0; i < 200; i++) log.open(line).close()
  assert.ok(readdirSync(folder).length <= 2)
  const kept = log.open('kept')
  for (let i = 0; i < 200; i++) log.open(line).close()
  assert.ok(linesIn(folder).includes('kept'))
  kept.close()
  assert.equal(linesIn(folder).includes('kept'), false)
})

test('where it cannot be written nothing is acknowledged, and later it may work again', async () => {
  const { folder, log } = open()
  writeFileSync(folder, 'a file where the folder should be')
  assert.throws(() => log.open('one'), { code: 'storage_unavailable' })
  rmSync(folder)
  log.open('two')
  assert.deepEqual(linesIn(folder), ['two'])
})

test('without a folder there is nothing to recover', () => {
  assert.deepEqual(linesIn(open().folder), [])
})

test('an amendment goes with the next line, or soon alone, and comes after what it amends', async () => {
  const { folder, log, clock } = open()
  const first = log.open('one')
  first.amend('one, amended')
  assert.deepEqual(linesIn(folder), ['one'])
  log.open('two')
  assert.deepEqual(linesIn(folder), ['one', 'one, amended', 'two'])
  first.amend('one, again')
  await clock.advance(20)
  assert.equal(linesIn(folder).at(-1), 'one, again')
  assert.equal(clock.pending, 0)
})

test('a file with an amendment stays as long as what it amends is open', async () => {
  const { folder, log } = open()
  const first = log.open('one')
  const fill = async () => {
    const line = 'x'.repeat(64 * 1024)
    for (let i = 0; i < 100; i++) log.open(line).close()
  }
  await fill()
  first.amend('one, amended')
  await fill()
  const kept = linesIn(folder).filter((line) => line.startsWith('one'))
  assert.deepEqual(kept, ['one', 'one, amended'])
  first.close()
  log.stop()
  assert.deepEqual(readdirSync(folder), [])
})

test('what is taken back stands in the file of the note, however many files have gone since', async () => {
  const { folder, log } = open()
  const dropped = log.open('one')
  const kept = log.open('two')
  const fill = () => {
    for (let i = 0; i < 100; i++) log.open('x'.repeat(64 * 1024)).close()
  }
  fill()
  dropped.takeBack('no one')
  dropped.close()
  dropped.takeBack('too late')
  fill()
  const told = linesIn(folder).filter((line) => line !== '' && !line.startsWith('x'))
  assert.deepEqual(told, ['one', 'two', 'no one'])
  kept.close()
  log.stop()
  assert.deepEqual(readdirSync(folder), [])
})

test('what another gateway settles in the same moment is no fault', () => {
  const { folder, log } = open()
  log.open('one')
  const [mine, its] = [IntentLog.recover(folder), IntentLog.recover(folder)]
  for (const { forget } of its) forget()
  assert.deepEqual(
    mine.map(({ node, lines }) => [node, lines()]),
    [['me', []]],
  )
  for (const { forget } of mine) forget()
})

test('what cannot be amended ends nothing', async () => {
  const { folder, log, clock } = open()
  const first = log.open('one')
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'a file where the folder was')
  for (let i = 0; i < 100; i++) first.amend('x'.repeat(64 * 1024))
  await clock.advance(20)
  first.amend('lost')
  await clock.advance(20)
  first.close()
  log.stop()
})

test('one that began is known by its name before it noted anything, and leaves nothing when it ends', () => {
  const { folder, log } = open()
  log.begin()
  assert.deepEqual(
    IntentLog.recover(folder).map(({ node, lines }) => [node, lines()]),
    [['me', []]],
  )
  log.stop()
  assert.deepEqual(readdirSync(folder), [])
})
