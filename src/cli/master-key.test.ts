import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { type MasterKeys, readMasterKeys, unlock } from './master-key.ts'

const root = mkdtempSync(path.join(tmpdir(), 'sluice-master-key-'))
after(() => rmSync(root, { recursive: true }))
const folder = (): string => mkdtempSync(path.join(root, 'x-'))
const texts = ['first', 'second', 'third'].map((name) => Buffer.from(`the ${name} master key`))
const [first = Buffer.alloc(0), second = first, third = first] = texts

async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openSqliteStore({ file: path.join(folder(), 'sluice.db') })
  try {
    await use(store)
  } finally {
    await store.close()
  }
}
const keys = (current: Buffer, former: Buffer | null = null): MasterKeys => ({ current, former })

test('the master key is made once, for its user alone, and a given one is used instead', () => {
  const dir = folder()
  const { current, former } = readMasterKeys(dir, {})
  assert.equal(former, null)
  assert.deepEqual(readMasterKeys(dir, {}).current, current)
  assert.equal(Buffer.from(current.toString(), 'base64').length, 32)
  const file = path.join(dir, 'encryption.key')
  assert.equal((statSync(file).mode & 0o777).toString(8), '600')
  assert.equal(readFileSync(file, 'utf8').trim(), current.toString())
  const given = { SLUICE_ENCRYPTION_KEY: 'a long and random text', SLUICE_ENCRYPTION_KEY_OLD: '' }
  assert.equal(readMasterKeys(dir, given).current.toString(), 'a long and random text')
  for (const name of ['SLUICE_ENCRYPTION_KEY', 'SLUICE_ENCRYPTION_KEY_OLD'])
    assert.throws(() => readMasterKeys(dir, { [name]: 'short' }), {
      exitCode: 2,
      message: new RegExp(`^${name} is shorter than 16`),
    })
})

test('a kept key that was cut short is refused, and is no reason to seal with nothing', () => {
  const dir = folder()
  for (const left of ['', '\n', 'c2hvcnQ=\n']) {
    writeFileSync(path.join(dir, 'encryption.key'), left)
    assert.throws(() => readMasterKeys(dir, {}), { exitCode: 2, message: /empty or cut short/ })
  }
})

test('another key is refused by name, before every key would be unknown without a word', async () => {
  await withStore(async (store) => {
    await unlock(store, keys(first))
    const before = [...(await store.readSettings())]
    await assert.rejects(unlock(store, keys(second)), {
      exitCode: 2,
      message: /^SLUICE_ENCRYPTION_KEY .* is not the one this database was made with.*_KEY_OLD/,
    })
    await assert.rejects(unlock(store, keys(second, third)), {
      exitCode: 2,
      message: /^Neither SLUICE_ENCRYPTION_KEY nor SLUICE_ENCRYPTION_KEY_OLD is the one/,
    })
    assert.deepEqual([...(await store.readSettings())], before)
  })
})

test('the key is replaced as often as one likes, and virtual keys stay what they are', async () => {
  await withStore(async (store) => {
    const { keySecret } = await unlock(store, keys(first))
    for (const [current, former] of [
      [second, first],
      [second, first],
      [second, null],
      [third, second],
      [first, third],
      [first, null],
      [second, first],
    ] as const) {
      const unlocked = await unlock(store, keys(current, former))
      assert.deepEqual(unlocked.keySecret, keySecret)
      assert.equal(unlocked.hasFormer, former !== null)
    }
    await assert.rejects(unlock(store, keys(first)), { exitCode: 2 })
    const kept = JSON.stringify([...(await store.readSettings())])
    assert.doesNotMatch(kept, new RegExp(keySecret.toString('base64').replace(/\W/g, '.')))
  })
})

test('a replacement that was killed between its steps goes on, or is given up, at the next start', async () => {
  for (const writes of [0, 1, 2])
    await withStore(async (store) => {
      const { keySecret } = await unlock(store, keys(first))
      await assert.rejects(unlock(dyingAfter(writes, store), keys(second, first)), /killed/)
      // Rolled back, where the check still names the first; else on with both.
      const isFirst = writes < 2
      if (isFirst) assert.deepEqual((await unlock(store, keys(first))).keySecret, keySecret)
      const { keySecret: later } = await unlock(store, keys(second, first))
      assert.deepEqual(later, keySecret)
      assert.deepEqual((await unlock(store, keys(second))).keySecret, keySecret)
    })
})

/** A store whose process is killed before one of its writes. */
function dyingAfter(writes: number, store: Store): Store {
  let left = writes
  return new Proxy(store, {
    get(target, name) {
      if (name === 'putSetting')
        return async (...args: Parameters<Store['putSetting']>) => {
          if (left-- === 0) throw new Error('killed')
          await target.putSetting(...args)
        }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
