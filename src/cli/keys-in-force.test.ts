import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { hashKey } from '../governance/key-table.ts'
import { providerTypes } from '../providers/registry.ts'
import type { StoredKey } from '../store/access-store.ts'
import { newStoredKey } from '../store/new-stored-key.ts'
import { openSqliteStore, type SqliteStore } from '../store/sqlite.ts'
import { followFileKeys, readKeysInForce } from './keys-in-force.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-keys-'))
const secret = Buffer.alloc(32, 3)
const now = Date.UTC(2026, 0, 1)
const value = (digit: number) => `sk-bf-${String(digit).repeat(8)}-8d0e-4d0e-9a52-0c6f1f6f2a77`
let store: SqliteStore
before(async () => {
  store = await openSqliteStore({ file: path.join(folder, 'sluice.db') })
})
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

function configure(keys: readonly object[]): Config {
  const file = path.join(folder, 'sluice.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      providers: { demo: {} },
      ...(keys.length > 0 && { virtual_keys: keys }),
    }),
  )
  return loadConfig({
    flags: { config: file, dataDir: folder },
    env: {},
    cwd: folder,
    providerTypes: [...providerTypes.values()],
  }).config
}
const loadKeysInForce = async (...[from, config, ...rest]: Parameters<typeof followFileKeys>) => {
  await followFileKeys(from, config, ...rest)
  return readKeysInForce(from, config, rest[0])
}
const stored = (name: string, digit: number, more: Partial<StoredKey> = {}): StoredKey =>
  newStoredKey({
    id: name,
    name,
    hash: hashKey(value(digit), secret),
    hint: 'x',
    origin: 'api',
    models: ['demo/*'],
    expiresAt: now + 1,
    createdAt: now,
    ...more,
  })

test("the file's keys come with their rights, the store's beside them, and a name of the file shadows", async () => {
  await store.createKey(stored('both', 1))
  await store.createKey(stored('mine', 2, { enabled: false }))
  const config = configure([
    {
      name: 'both',
      value: value(3),
      models: ['smart', 'openai/*'],
      expires_at: '2027-01-01T00:00:00Z',
      forward_headers: ['X-Trace'],
    },
    { name: 'off', value: value(4), enabled: false },
  ])
  const keys = await loadKeysInForce(store, config, secret, now)
  assert.deepEqual(
    keys.map(({ name, enabled, expiresAt, principal }) => ({
      name,
      enabled,
      expiresAt,
      models: principal.models,
      headers: principal.forwardHeaders,
    })),
    [
      {
        name: 'both',
        enabled: true,
        expiresAt: Date.UTC(2027, 0, 1),
        models: ['smart', 'openai/*'],
        headers: ['x-trace'],
      },
      { name: 'off', enabled: false, expiresAt: null, models: null, headers: [] },
      { name: 'mine', enabled: false, expiresAt: now + 1, models: ['demo/*'], headers: [] },
    ],
  )
  assert.equal(keys[0]?.hash, hashKey(value(3), secret))
  for (const { name, principal } of keys) {
    assert.deepEqual([principal.kind, principal.name], ['virtual-key', name])
    assert.equal(principal.mayPin, false)
  }
})

test('no clear text is left, neither in what is in force nor in the store', async () => {
  const keys = await loadKeysInForce(
    store,
    configure([{ name: 'f', value: value(5) }]),
    secret,
    now,
  )
  const all = JSON.stringify([keys, await store.listKeys()])
  assert.ok(!all.includes(value(5)))
})

test('a key taken out of the file no longer opens anything, and keeps its history', async () => {
  await loadKeysInForce(store, configure([{ name: 'gone', value: value(6) }]), secret, now)
  const keys = await loadKeysInForce(store, configure([]), secret, now)
  assert.ok(!keys.some(({ name }) => name === 'gone'))
  const kept = (await store.listKeys()).find(({ name }) => name === 'gone')
  assert.equal(kept?.enabled, false)
  assert.equal(kept?.disabledAt, now)
})
