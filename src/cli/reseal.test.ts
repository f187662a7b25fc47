import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { missingPostgres, startPostgres, type TestPostgres } from 'test-postgres'
import { submit } from '../../tests/store-suite-fixtures.ts'
import { openKey, openProvider, sealKey, sealProvider } from '../governance/sealed-settings.ts'
import { Sealer } from '../governance/sealer.ts'
import { decodeContext, encodeContext, type JobContext } from '../jobs/job-context.ts'
import { openPostgresStore } from '../store/postgres.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { resealAll } from './reseal.ts'

const [old, now, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const never = new AbortController().signal
const many = 130
const base = { version: 1, createdAt: 1, updatedAt: 1, metadata: {} }
const context: JobContext = {
  ...{ requestId: 'r', surface: 'openai', deployment: null, dimensions: null },
  extras: {
    ...{ headers: { 'x-a': 'secret' }, pinnedKey: null, session: null, apiVersion: null },
  },
}
const words = { value: 'sk-secret', weight: 2 }
const settings = { type: 'openai', headers: { 'x-b': 'secret' } }

/** Keys, a provider and jobs, as a gateway with that key would have written them. */
async function fill(store: Store, key: Buffer): Promise<void> {
  const sealer = new Sealer(key)
  for (let i = 0; i < many; i++) {
    const id = `k${i}`
    const row = { id, name: id, provider: 'p', enabled: true, ...sealKey(id, words, sealer) }
    await store.createManaged('provider_key', { ...base, ...row }, null)
  }
  for (const [id, given] of [
    ['p1', settings],
    ['p2', { type: 'openai' }],
  ] as const) {
    const row = { ...base, id, name: id, settings: sealProvider(id, given, sealer) }
    await store.createManaged('provider', row, null)
  }
  await submit(store, { id: 'j1', context: encodeContext(context, sealer) })
  const open = { ...context, extras: { ...context.extras, headers: null } }
  await submit(store, { id: 'j2', context: encodeContext(open, sealer) })
}

async function assertReadBy(store: Store, key: Buffer): Promise<void> {
  const sealer = new Sealer(key)
  for (const { place, id, text } of await store.listSealed(null, 1000)) {
    if (place === 'job') decodeContext(text, sealer)
    else if (place === 'provider') {
      const row = await store.findManaged('provider', id)
      assert.ok(row)
      assert.deepEqual(openProvider(row, sealer), id === 'p1' ? settings : { type: 'openai' })
    } else {
      const row = await store.findManaged('provider_key', id)
      assert.ok(row)
      assert.deepEqual(openKey(row, sealer), { name: id, ...words })
    }
  }
}

function suite(open: () => Promise<Store>): void {
  test('everything sealed is sealed anew, once, and everything else stays', async () => {
    const store = await open()
    await fill(store, old)
    const both = new Sealer(now, old)
    const rest = { unreadable: [] }
    assert.deepEqual(await resealAll(store, both, never), { resealed: many + 2, ...rest })
    await assertReadBy(store, now)
    assert.deepEqual(await resealAll(store, both, never), { resealed: 0, ...rest })
    await store.close()
  })

  test('killed in the middle, the next start does the rest', async () => {
    const store = await open()
    await fill(store, old)
    const both = new Sealer(now, old)
    let writes = 0
    const dying = {
      listSealed: store.listSealed.bind(store),
      async resealKeys(...args: Parameters<Store['resealKeys']>) {
        if (writes++ > 0) throw new Error('killed')
        return await store.resealKeys(...args)
      },
    }
    await assert.rejects(resealAll(dying, both, never), /killed/)
    const { resealed } = await resealAll(store, both, never)
    assert.ok(resealed > 0 && resealed < many + 2)
    await assertReadBy(store, now)
    await store.close()
  })

  test('what neither key opens is told and left, and keeps nothing else from it', async () => {
    const store = await open()
    await fill(store, old)
    const sealed = new Sealer(foreign).seal('{}', 'k1')
    await store.updateManaged('provider_key', 'k1', null, { sealed }, 5, null)
    const result = await resealAll(store, new Sealer(now, old), never)
    assert.deepEqual(result, {
      resealed: many + 1,
      unreadable: [{ place: 'provider_key', id: 'k1' }],
    })
    assert.equal((await store.findManaged('provider_key', 'k1'))?.sealed, sealed)
    await store.close()
  })
}

describe('on SQLite', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'sluice-reseal-'))
  after(() => rmSync(root, { recursive: true }))
  suite(() => openSqliteStore({ file: path.join(mkdtempSync(path.join(root, 'x-')), 's.db') }))
})

describe('on Postgres', { skip: missingPostgres }, () => {
  let postgres: TestPostgres
  before(async () => {
    postgres = await startPostgres()
  })
  after(() => postgres.destroy())
  suite(async () => openPostgresStore({ url: await postgres.createDatabase() }))
})
