import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { IntentLog } from './intent-log.ts'

const linesIn = (folder: string): readonly string[] =>
  IntentLog.recover(folder).flatMap(({ lines }) => lines)

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function open() {
  const parent = mkdtempSync(join(tmpdir(), 'sluice-intents-'))
  folders.push(parent)
  const folder = join(parent, 'intents')
  return { folder, log: new IntentLog(folder, 'me', new ManualClock()) }
}

test('a line that was acknowledged is in the file, readable by nobody else', async () => {
  const { folder, log } = open()
  await Promise.all([log.append('one'), log.append('two')])
  assert.deepEqual(linesIn(folder), ['one', 'two'])
  const [file = ''] = readdirSync(folder)
  assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('what is closed is forgotten once the log ends, what is not stays for the next start', async () => {
  const { folder, log } = open()
  const first = await log.append('one')
  const second = await log.append('two')
  first.close()
  first.close()
  log.stop()
  assert.deepEqual(linesIn(folder), ['one', 'two'])
  second.close()
  assert.deepEqual(readdirSync(folder), [])
})

test('half a line of a process that died in the middle of it is no line', async () => {
  const { folder, log } = open()
  await log.append('whole')
  writeFileSync(join(folder, 'other.0.intents'), 'first\nsec')
  const left = IntentLog.recover(folder)
  const told = left.map(({ node, lines }) => [node, ...lines].join(' '))
  assert.deepEqual(told.toSorted(), ['me whole', 'other first'])
  for (const { forget } of left) forget()
  assert.deepEqual(readdirSync(folder), [])
})

test('files do not grow without bound, and end with the last of their intents', async () => {
  const { folder, log } = open()
  const line = 'x'.repeat(64 * 1024)
  for (let i = 0; i < 200; i++) (await log.append(line)).close()
  assert.ok(readdirSync(folder).length <= 2)
  const kept = await log.append('kept')
  for (let i = 0; i < 200; i++) (await log.append(line)).close()
  assert.ok(linesIn(folder).includes('kept'))
  kept.close()
  assert.equal(linesIn(folder).includes('kept'), false)
})

test('where it cannot be written nothing is acknowledged, and later it may work again', async () => {
  const { folder, log } = open()
  writeFileSync(folder, 'a file where the folder should be')
  await assert.rejects(log.append('one'))
  rmSync(folder)
  await log.append('two')
  assert.deepEqual(linesIn(folder), ['two'])
})

test('without a folder there is nothing to recover', () => {
  assert.deepEqual(linesIn(open().folder), [])
})
