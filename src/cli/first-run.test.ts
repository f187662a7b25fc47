import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { manualRuntime } from '../../tests/support/manual-clock.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { verifyPassword } from '../governance/admin-door.ts'
import { hashKey } from '../governance/key-table.ts'
import { hintOf } from '../governance/key-value.ts'
import { providerTypes } from '../providers/registry.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { establishIdentity, firstRunFile, prepareDataDir } from './first-run.ts'
import { UsageError } from './usage-error.ts'

const root = mkdtempSync(path.join(tmpdir(), 'sluice-first-run-'))
after(() => rmSync(root, { recursive: true }))
let made = 0
const folder = (): string => path.join(root, String(++made))

const runtime = manualRuntime()
const master = { current: Buffer.from('a master key for these tests'), former: null }

function configure(dataDir: string, yaml = ''): Config {
  prepareDataDir(dataDir)
  const file = path.join(dataDir, 'sluice.yaml')
  writeFileSync(file, `version: 1\nproviders: { demo: {} }\n${yaml}`)
  return loadConfig({
    flags: { config: file, dataDir },
    env: {},
    cwd: root,
    providerTypes: [...providerTypes.values()],
  }).config
}

async function withStore<Result>(dir: string, use: (store: Store) => Promise<Result>) {
  const store = await openSqliteStore({ file: path.join(dir, 'sluice.db') })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}
const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8)

test('the data folder is made for its user alone', () => {
  const dir = path.join(folder(), 'deep')
  prepareDataDir(dir)
  assert.equal(mode(dir), '700')
  prepareDataDir(dir)
})

test('what is no folder is refused with a sentence that names it', () => {
  const file = folder()
  writeFileSync(file, '')
  for (const dir of [file, path.join(file, 'below')])
    assert.throws(
      () => prepareDataDir(dir),
      (thrown) => {
        assert.ok(thrown instanceof UsageError)
        assert.equal(thrown.exitCode, 1)
        assert.ok(thrown.message.includes(dir) && thrown.message.includes('--data-dir'))
        return true
      },
    )
})

test('a first run makes a key and a password, tells them in one file, and keeps only hashes', async () => {
  const config = configure(folder())
  await withStore(config.dataDir, async (store) => {
    const { generated, admin, keySecret } = await establishIdentity(store, config, master, runtime)
    assert.match(generated.key ?? '', /^sk-bf-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.match(generated.password ?? '', /^([a-z2-9]{4}-){4}[a-z2-9]{4}$/)
    assert.ok(await verifyPassword(generated.password ?? '', admin.passwordHash))
    const [key] = await store.listKeys()
    assert.equal(key?.hash, hashKey(generated.key ?? '', keySecret))
    assert.equal(key?.origin, 'first-run')
    const file = firstRunFile(config)
    const text = readFileSync(file, 'utf8')
    assert.ok(text.includes(generated.key ?? '?') && text.includes(generated.password ?? '?'))
    assert.equal(mode(file), '600')
    const kept = JSON.stringify([await store.listKeys(), [...(await store.readSettings())]])
    assert.ok(!kept.includes(generated.key ?? '?') && !kept.includes(generated.password ?? '?'))
  })
})

test('a second run makes nothing, and knows the same people', async () => {
  const config = configure(folder())
  await withStore(config.dataDir, async (store) => {
    const first = await establishIdentity(store, config, master, runtime)
    rmSync(firstRunFile(config))
    const second = await establishIdentity(store, config, master, runtime)
    assert.deepEqual(second.generated, { key: null, password: null })
    assert.deepEqual(second.admin, first.admin)
    assert.deepEqual(second.keySecret, first.keySecret)
    assert.equal((await store.listKeys()).length, 1)
    assert.throws(() => statSync(firstRunFile(config)))
  })
})

test('only what the configuration does not define is made', async () => {
  const keys = 'virtual_keys: [{ name: a, value: sk-bf-5b1f3c1e-8d0e-4d0e-9a52-0c6f1f6f2a77 }]\n'
  const admin = 'auth: { admin: { username: boss, password: "correct horse" } }\n'
  const run = async (yaml: string) => {
    const config = configure(folder(), yaml)
    return withStore(config.dataDir, (store) => establishIdentity(store, config, master, runtime))
  }
  const [withKeys, withAdmin, withBoth] = await Promise.all([
    run(keys),
    run(admin),
    run(keys + admin),
  ])
  assert.equal(withKeys.generated.key, null)
  assert.notEqual(withKeys.generated.password, null)
  assert.notEqual(withAdmin.generated.key, null)
  assert.equal(withAdmin.generated.password, null)
  assert.equal(withAdmin.admin.username, 'boss')
  assert.ok(await verifyPassword('correct horse', withAdmin.admin.passwordHash))
  assert.deepEqual(withBoth.generated, { key: null, password: null })
})

test('a hint tells keys apart and opens nothing', () => {
  assert.equal(hintOf('sk-bf-5b1f3c1e-8d0e-4d0e-9a52-0c6f1f6f2a77'), 'sk-bf-…2a77')
})
