import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { GatewayError } from '../src/core/errors.ts'
import type { FileKey, StoredKey } from '../src/store/access-store.ts'
import { newStoredKey } from '../src/store/new-stored-key.ts'
import type { Store } from '../src/store/store.ts'
import { accessSuite } from './store-suite-access.ts'
import { budgetSuite } from './store-suite-budgets.ts'
import { claimSuite } from './store-suite-claim.ts'
import { endSuite } from './store-suite-end.ts'
import { findSuite } from './store-suite-find.ts'
import { keySuite } from './store-suite-keys.ts'
import { ledgerSuite } from './store-suite-ledger.ts'
import { modelSuite } from './store-suite-model.ts'
import { pageSuite } from './store-suite-pages.ts'
import { recoverSuite } from './store-suite-recover.ts'
import { submitSuite } from './store-suite-submit.ts'
import { fc } from './support/properties.ts'

export interface OpenedStore {
  store: Store
  /** Removes everything that was stored: opening one for each test would take most of the time. */
  empty(): Promise<void>
  /** Runs a statement beside the store. */
  tamper(statement: string): Promise<void>
  /** Closes the store, where it is open, and opens the same data again as `store`. */
  reopen(): Promise<void>
  /** Closes whatever is open and removes the data. */
  destroy(): Promise<void>
}

/** Emptied between the tests; the others have their one row. */
export const storedTables = [
  'settings',
  'virtual_keys',
  'jobs',
  'idempotency_keys',
  'nodes',
  'turns',
  'ledger',
  'usage_slots',
  'usage_sums',
  'budgets',
  'budget_leases',
  'teams',
  'customers',
  'providers',
  'provider_keys',
  'scopes',
  'sessions',
  'audit',
] as const

/** What a test may have moved in those. */
export const resetStatement = 'update ledger_state set pruned_before = 0'

/** What every store must do, whatever it stands on. `open` gives an empty one. */
export function storeSuite(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    let opened: OpenedStore
    let store: Store
    beforeEach(async () => {
      opened ??= await open()
      await opened.empty()
      store = opened.store
    })
    after(() => opened.destroy())

    it('starts without settings and keys', async () => {
      assert.deepEqual(await store.readSettings(), new Map())
      assert.deepEqual(await store.listKeys(), [])
    })

    it('keeps the last value put under a name', async () => {
      await store.putSetting('a', 'first')
      await store.putSetting('a', "second ' -- 🗝")
      await store.putSetting('b', '')
      assert.deepEqual(
        await store.readSettings(),
        new Map([
          ['a', "second ' -- 🗝"],
          ['b', ''],
        ]),
      )
    })

    it('initialises only what is absent and answers everything that stands', async () => {
      await store.putSetting('other', 'x')
      await store.putSetting('hash', 'theirs')
      const settings = await store.initialiseSettings({ hash: 'ours', check: 'c' })
      const expected = new Map([
        ['other', 'x'],
        ['hash', 'theirs'],
        ['check', 'c'],
      ])
      assert.deepEqual(settings, expected)
      assert.deepEqual(await store.readSettings(), expected)
    })

    it('lets two first runs at the same time agree on one set of values', async () => {
      const [one, two] = await Promise.all([
        store.initialiseSettings({ hash: '1', check: '1' }),
        store.initialiseSettings({ hash: '2', check: '2' }),
      ])
      assert.deepEqual(one, two)
      assert.equal(one.get('hash'), one.get('check'))
    })

    it('gives back a key as it was created', async () => {
      const full = key('full', {
        models: ['smart', 'openai/*'],
        enabled: false,
        expiresAt: 1_800_000_000_000,
        createdAt: 5,
        disabledAt: 1_700_000_000_000,
      })
      const plain = key('plain', { origin: 'first-run', createdAt: 6 })
      assert.equal((await store.createKey(full)).kind, 'written')
      assert.equal((await store.createKey(plain)).kind, 'written')
      assert.deepEqual(await store.listKeys(), [full, plain])
    })

    it('lists the oldest key first', async () => {
      for (const createdAt of [3, 1, 2]) await store.createKey(key(`k${createdAt}`, { createdAt }))
      assert.deepEqual(
        (await store.listKeys()).map(({ name }) => name),
        ['k1', 'k2', 'k3'],
      )
    })

    it('refuses a second key of the same name and leaves the first alone', async () => {
      const first = key('team', { origin: 'first-run' })
      await store.createKey(first)
      assert.equal((await store.createKey(key('team', { id: 'another' }))).kind, 'name_taken')
      assert.deepEqual(await store.listKeys(), [first])
    })

    it('gives a name to one of many who ask at the same time', async () => {
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((id) => store.createKey(key('team', { id }))),
      )
      assert.deepEqual(answers.map(({ kind }) => kind).sort(), [
        ...['name_taken', 'name_taken', 'name_taken'],
        'written',
      ])
    })

    it('lets a key of the file stand beside another of the same name', async () => {
      await store.createKey(key('team'))
      await store.followFileKeys([fileKey('team')], 10)
      assert.equal((await store.createKey(key('team', { id: 'another' }))).kind, 'name_taken')
      assert.deepEqual(
        (await store.listKeys()).map(({ name, origin }) => `${name} ${origin}`).sort(),
        ['team api', 'team file'],
      )
    })

    it('fails a command that cannot be carried out alone, without a trace of it', async () => {
      await store.createKey(key('before'))
      const [outcome] = await Promise.allSettled([
        // The same id under another name, and half of it would go through.
        store.followFileKeys([fileKey('new'), { ...fileKey('clash'), id: 'id-before' }], 1),
        store.createKey(key('after')),
      ])
      assert.ok(outcome.status === 'rejected')
      assert.ok(outcome.reason instanceof GatewayError)
      assert.equal(outcome.reason.code, 'storage_unavailable')
      assert.ok(outcome.reason.cause instanceof Error)
      assert.deepEqual((await store.listKeys()).map(({ name }) => name).sort(), ['after', 'before'])
    })

    it('adds the keys of the file with no rights of their own', async () => {
      await store.followFileKeys([fileKey('team')], 7)
      assert.deepEqual(await store.listKeys(), [
        key('team', { ...fileKey('team'), origin: 'file', createdAt: 7 }),
      ])
    })

    it('replaces the changed hash of a key in the file and keeps its id', async () => {
      await store.followFileKeys([fileKey('team')], 7)
      const changed = { id: 'other', name: 'team', hash: 'b'.repeat(64), hint: 'sk-bf-...new' }
      await store.followFileKeys([changed], 8)
      assert.deepEqual(await store.listKeys(), [
        key('team', { ...changed, id: fileKey('team').id, origin: 'file', createdAt: 7 }),
      ])
    })

    it('disables a key taken out of the file, keeps it, and enables it when it is back', async () => {
      await store.createKey(key('made'))
      await store.followFileKeys([fileKey('stays'), fileKey('goes')], 7)
      await store.followFileKeys([fileKey('stays')], 8)
      await store.followFileKeys([fileKey('stays')], 9)
      const find = async (name: string) =>
        (await store.listKeys()).find((stored) => stored.name === name)
      assert.deepEqual(
        await find('goes'),
        key('goes', {
          ...fileKey('goes'),
          origin: 'file',
          enabled: false,
          createdAt: 7,
          disabledAt: 8,
        }),
      )
      assert.equal((await find('stays'))?.enabled, true)
      assert.equal((await find('made'))?.enabled, true)
      await store.followFileKeys([fileKey('stays'), fileKey('goes')], 10)
      assert.deepEqual(
        await find('goes'),
        key('goes', { ...fileKey('goes'), origin: 'file', createdAt: 7 }),
      )
    })

    it('has exactly the keys of the last file enabled after any history of files', async () => {
      const files = fc.array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')), { maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(files, async (history) => {
          for (const names of history) await store.followFileKeys(names.map(fileKey), 1)
          const last = history.at(-1)
          if (!last) return
          const enabled = (await store.listKeys()).filter((stored) => stored.enabled)
          assert.deepEqual(enabled.map(({ name }) => name).sort(), last.toSorted())
        }),
        { numRuns: 25 },
      )
    })

    it('disables and enables a key by name, and remembers since when it is disabled', async () => {
      await store.createKey(key('team'))
      assert.equal(await store.setKeyEnabled('team', false, 50), true)
      assert.equal(await store.setKeyEnabled('team', false, 60), true)
      const disabled = { enabled: false, disabledAt: 50, version: 2, updatedAt: 50 }
      assert.deepEqual(await store.listKeys(), [key('team', disabled)])
      assert.equal(await store.setKeyEnabled('team', true, 70), true)
      assert.deepEqual(await store.listKeys(), [key('team', { version: 3, updatedAt: 70 })])
    })

    it('does not switch a key of the file, nor one that is not there', async () => {
      await store.followFileKeys([fileKey('team')], 7)
      assert.equal(await store.setKeyEnabled('team', false, 50), false)
      assert.equal(await store.setKeyEnabled('nobody', false, 50), false)
      assert.equal((await store.listKeys())[0]?.enabled, true)
    })

    it('answers a ping while a write goes through', async () => {
      await Promise.all([store.ping(), store.ping()])
      await store.ping()
      assert.deepEqual(await store.readSettings(), new Map())
    })

    it('still answers what was asked before it was closed, and nothing after', async () => {
      const before = store.createKey(key('team'))
      const closed = store.close()
      const after = assert.rejects(store.listKeys(), {
        name: 'GatewayError',
        code: 'storage_unavailable',
      })
      assert.equal((await before).kind, 'written')
      await Promise.all([after, closed])
      await store.close()
      await assert.rejects(store.ping(), { code: 'storage_unavailable' })
      await opened.reopen()
    })

    it('has everything again after it was closed and opened', async () => {
      await store.putSetting('a', '1')
      await store.createKey(key('team', { models: [] }))
      await store.followFileKeys([fileKey('file')], 9)
      const before = await store.listKeys()
      await opened.reopen()
      store = opened.store
      assert.deepEqual(await store.readSettings(), new Map([['a', '1']]))
      assert.deepEqual(await store.listKeys(), before)
    })

    it('never tells a time behind one it has told, also after it was closed and opened', async () => {
      const first = await store.syncClock(1_000)
      const second = await store.syncClock(500)
      assert.ok(first >= 1_000 && second >= first)
      await opened.reopen()
      assert.ok((await opened.store.syncClock(1)) >= second)
    })

    const jobs = [submitSuite, findSuite, claimSuite, endSuite, recoverSuite, modelSuite]
    for (const suite of [...jobs, budgetSuite, accessSuite, keySuite, pageSuite]) suite(() => store)
    ledgerSuite(
      () => store,
      (statement) => opened.tamper(statement),
    )
  })
}

function key(name: string, differences: Partial<StoredKey> = {}): StoredKey {
  return newStoredKey({
    id: `id-${name}`,
    name,
    hash: 'a'.repeat(64),
    hint: 'sk-bf-...2a77',
    origin: 'api',
    createdAt: 1,
    ...differences,
  })
}

function fileKey(name: string): FileKey {
  return { id: `file-${name}`, name, hash: 'c'.repeat(64), hint: `sk-bf-...${name}` }
}
