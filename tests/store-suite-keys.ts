import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { StoredKey } from '../src/store/access-store.ts'
import { newStoredKey } from '../src/store/new-stored-key.ts'
import type { Store } from '../src/store/store.ts'
import { auditEntry, team } from './store-suite-access.ts'

const hash = (letter: string): string => letter.repeat(64)

const key = (name: string, differences: Partial<StoredKey> = {}): StoredKey =>
  newStoredKey({
    id: `id-${name}`,
    name,
    hash: hash('a'),
    hint: 'sk-…1',
    origin: 'api',
    createdAt: 1,
    ...differences,
  })

const rich: Partial<StoredKey> = {
  models: ['openai/*'],
  providers: ['openai'],
  providerKeys: ['openai/main'],
  forwardHeaders: ['x-a'],
  mayPin: true,
  logContent: false,
  expiresAt: 99,
  metadata: { owner: "O'Neill", ключ: '🗝' },
  limits: {
    requests: { amount: 5, windowMs: 1000 },
    tokens: { amount: 9, windowMs: 60_000, calendar: 'minute' },
    concurrency: 2,
  },
  budget: {
    limitNanos: 5_000_000_000,
    window: { calendar: 'month' },
    assumeOutputTokens: 1000,
    unpriced: 'refuse',
    strict: true,
  },
}

/** What every store must do with virtual keys that are managed. */
export function keySuite(store: () => Store): void {
  describe('managed keys', () => {
    beforeEach(async () => {
      await store().createManaged('team', team('t1'), null)
    })

    it('come back with all their rights', async () => {
      const full = key('full', { ...rich, teamId: 't1' })
      assert.deepEqual(await store().createKey(full), { kind: 'written', value: full })
      assert.deepEqual(await store().findKey(full.id), full)
      assert.deepEqual(await store().listKeys(), [full])
    })

    it('are changed as far as the patch goes, and count their versions', async () => {
      const full = key('full', { ...rich, teamId: 't1' })
      await store().createKey(full)
      const patch = { name: 'renamed', models: null, budget: null, enabled: false, teamId: null }
      const value = { ...full, ...patch, version: 2, updatedAt: 50, disabledAt: 50 }
      const written = await store().updateKey(full.id, 1, patch, 50, null)
      assert.deepEqual(written, { kind: 'written', value })
      assert.deepEqual(await store().findKey(full.id), value)
    })

    it('are not changed over what somebody else wrote, nor where there is none', async () => {
      await store().createKey(key('a'))
      await store().updateKey('id-a', 1, { mayPin: true }, 2, null)
      const change = (id: string, version: number | null) =>
        store().updateKey(id, version, { mayPin: false }, 3, null)
      assert.deepEqual(await change('id-a', 1), { kind: 'changed', version: 2 })
      assert.deepEqual(await change('nobody', null), { kind: 'missing' })
      assert.equal((await store().findKey('id-a'))?.mayPin, true)
      assert.equal((await change('id-a', null)).kind, 'written')
    })

    it('are changed by one of many who read the same version', async () => {
      await store().createKey(key('a'))
      const answers = await Promise.all(
        [1, 2, 3, 4].map((amount) =>
          store().updateKey('id-a', 1, { metadata: { n: String(amount) } }, 5, null),
        ),
      )
      assert.deepEqual(answers.map(({ kind }) => kind).toSorted(), [
        ...['changed', 'changed', 'changed'],
        'written',
      ])
    })

    it('do not take a name that another has, nor a team that is not there', async () => {
      await store().createKey(key('a'))
      await store().createKey(key('b'))
      const rename = await store().updateKey('id-a', null, { name: 'b' }, 2, null)
      assert.deepEqual(rename, { kind: 'name_taken' })
      const noTeam = { kind: 'no_such', what: 'team' }
      assert.deepEqual(await store().updateKey('id-a', null, { teamId: 'x' }, 2, null), noTeam)
      assert.deepEqual(await store().createKey(key('c', { teamId: 'x' })), noTeam)
      assert.deepEqual(await store().createKey(key('c', { customerId: 'x' })), {
        kind: 'no_such',
        what: 'customer',
      })
    })

    it('are rotated with the old hash beside the new one for a while', async () => {
      await store().createKey(key('a'))
      const rotation = { hash: hash('b'), hint: 'new', overlapUntil: 900 }
      const value = {
        ...key('a', { hash: hash('b'), hint: 'new', version: 2, updatedAt: 100 }),
        previous: { hash: hash('a'), until: 900 },
      }
      assert.deepEqual(await store().rotateKey('id-a', 1, rotation, 100, null), {
        kind: 'written',
        value,
      })
      assert.deepEqual(await store().findKey('id-a'), value)
      const atOnce = { hash: hash('c'), hint: 'newer', overlapUntil: null }
      await store().rotateKey('id-a', 2, atOnce, 101, null)
      assert.equal((await store().findKey('id-a'))?.previous, null)
    })

    it('are kept when they are deleted, and their names are free', async () => {
      await store().createKey(key('a', { previous: { hash: hash('z'), until: 1e6 } }))
      assert.equal((await store().deleteKey('id-a', 1, 70, null)).kind, 'written')
      assert.deepEqual(await store().listKeys(), [])
      const kept = await store().findKey('id-a')
      const { name, enabled, deletedAt, previous } = kept ?? {}
      assert.deepEqual(
        { name, enabled, deletedAt, previous },
        { name: 'a', enabled: false, deletedAt: 70, previous: null },
      )
      assert.equal((await store().createKey(key('a', { id: 'second' }))).kind, 'written')
      assert.deepEqual(await store().deleteKey('id-a', null, 71, null), { kind: 'missing' })
      assert.deepEqual(await store().updateKey('id-a', null, { enabled: true }, 71, null), {
        kind: 'missing',
      })
      assert.equal((await store().deleteKey('second', null, 72, null)).kind, 'written')
      assert.equal(await store().setKeyEnabled('a', true, 73), false)
    })

    it('of the file are changed in the file', async () => {
      await store().followFileKeys([{ id: 'f', name: 'f', hash: hash('f'), hint: 'f' }], 1)
      const missing = { kind: 'missing' }
      const rotation = { hash: hash('b'), hint: 'x', overlapUntil: null }
      assert.deepEqual(await store().updateKey('f', null, { mayPin: true }, 2, null), missing)
      assert.deepEqual(await store().rotateKey('f', null, rotation, 2, null), missing)
      assert.deepEqual(await store().deleteKey('f', null, 2, null), missing)
    })

    it('count the access version with every change, and the file never does', async () => {
      const steps: readonly (() => Promise<unknown>)[] = [
        () => store().createKey(key('a')),
        () => store().updateKey('id-a', 1, { mayPin: true }, 2, null),
        () => store().setKeyEnabled('a', false, 3),
        () =>
          store().rotateKey('id-a', null, { hash: hash('b'), hint: 'x', overlapUntil: 5 }, 4, null),
        () => store().deleteKey('id-a', null, 5, null),
      ]
      for (const step of steps) {
        const before = await store().accessVersion()
        await step()
        assert.equal(await store().accessVersion(), before + 1, String(step))
      }
      const before = await store().accessVersion()
      await store().followFileKeys([{ id: 'f', name: 'f', hash: hash('f'), hint: 'f' }], 1)
      await store().updateKey('nobody', null, {}, 2, null)
      assert.equal(await store().accessVersion(), before)
    })

    it('write their audit entry with the change, and none where nothing changed', async () => {
      await store().createKey(key('a'), auditEntry('1'))
      await store().updateKey('id-a', 7, { mayPin: true }, 2, auditEntry('2'))
      await store().updateKey('id-a', 1, { mayPin: true }, 2, auditEntry('3'))
      const told = await store().listAudit(
        { kind: null, object: null, actor: null },
        { after: null, limit: 10 },
      )
      assert.deepEqual(told, [auditEntry('3'), auditEntry('1')])
      // An entry that cannot be written takes the change with it.
      await assert.rejects(store().deleteKey('id-a', null, 3, auditEntry('3')), {
        code: 'storage_unavailable',
      })
      assert.equal((await store().findKey('id-a'))?.deletedAt, null)
    })
  })
}
