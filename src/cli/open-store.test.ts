import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { missingPostgres, startPostgres } from 'test-postgres'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { openStore } from './open-store.ts'
import { UsageError } from './usage-error.ts'

const root = mkdtempSync(path.join(tmpdir(), 'sluice-open-store-'))
after(() => rmSync(root, { recursive: true }))

const password = 'auth: { admin: { password: "a password" } }'
const env = { SLUICE_ENCRYPTION_KEY: 'a long text for these tests' }

function configure(...lines: readonly string[]): Config {
  const cwd = mkdtempSync(path.join(root, 'x-'))
  const text = ['version: 1', 'providers: { demo: {} }', ...lines].join('\n')
  writeFileSync(path.join(cwd, 'sluice.yaml'), text)
  const providerTypes = [{ type: 'demo', defaultBaseUrl: null, envKeys: [], needsKey: false }]
  return loadConfig({ flags: { dataDir: cwd }, env: {}, cwd, providerTypes }).config
}

async function refuse(config: Config, given: Record<string, string> = env): Promise<UsageError> {
  const thrown = await openStore(config, given).then(
    () => assert.fail('it opened'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof UsageError)
  return thrown
}

test('without a URL the store is a file in the data folder, and alone', async () => {
  const config = configure()
  const store = await openStore(config, {})
  await store.ping()
  assert.equal(store.shared, false)
  assert.ok(existsSync(path.join(config.dataDir, 'sluice.db')))
  await store.close()
})

test('a file named in the URL is the store', async () => {
  const config = configure('store: { url: "sqlite:other.db" }')
  const store = await openStore(config, {})
  await store.close()
  assert.ok(existsSync(path.join(config.dataDir, 'other.db')))
})

test('a store that cannot be opened is one sentence and exit code 1', async () => {
  const { exitCode, message } = await refuse(configure('store: { url: "sqlite:no/such/x.db" }'))
  assert.equal(exitCode, 1)
  assert.match(message, /^The folder \S+ for the database does not exist/)
})

test('a Postgres store wants the key and the password from outside, each named, exit code 2', async () => {
  const url = 'store: { url: "postgres://user:hunter2@127.0.0.1:1/x" }'
  const both = await refuse(configure(url), {})
  assert.equal(both.exitCode, 2)
  assert.match(both.message, /SLUICE_ENCRYPTION_KEY .* and auth\.admin\.password/)
  const key = await refuse(configure(url, password), { SLUICE_ENCRYPTION_KEY: '' })
  assert.match(key.message, /SLUICE_ENCRYPTION_KEY/)
  assert.doesNotMatch(key.message, /password/)
  const admin = await refuse(configure(url))
  assert.match(admin.message, /give auth\.admin\.password/)
})

test('a Postgres that cannot be reached is one paragraph without the password, exit code 1', async () => {
  const url = 'store: { url: "postgresql://user:hunter2@127.0.0.1:1/x" }'
  const error = await refuse(configure(url, password))
  assert.equal(error.exitCode, 1)
  assert.match(error.message, /Postgres database x at 127\.0\.0\.1:1 cannot be used/)
  assert.doesNotMatch(inspect(error), /hunter2/)
})

test('a Postgres store opens and is shared', { skip: missingPostgres }, async () => {
  const server = await startPostgres()
  try {
    const url = await server.createDatabase()
    const store = await openStore(configure(`store: { url: "${url}" }`, password), env)
    await store.ping()
    assert.equal(store.shared, true)
    await store.close()
  } finally {
    await server.destroy()
  }
})
