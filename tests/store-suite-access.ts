import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  AuditEntry,
  StoredCustomer,
  StoredProvider,
  StoredProviderKey,
  StoredSession,
  StoredTeam,
} from '../src/store/access-store.ts'
import { newStoredKey } from '../src/store/new-stored-key.ts'
import type { Store } from '../src/store/store.ts'
import { submit } from './store-suite-fixtures.ts'

const base = { version: 1, createdAt: 1, updatedAt: 1, metadata: { a: 'b' } }

export const team = (id: string, differences: Partial<StoredTeam> = {}): StoredTeam => ({
  ...base,
  ...{ id, name: `team ${id}`, customerId: null, limits: null, budget: null },
  ...differences,
})

const customer = (id: string): StoredCustomer => ({
  ...base,
  ...{ id, name: `customer ${id}`, budget: null },
  limits: { requests: { amount: 1, windowMs: 2 }, tokens: null, concurrency: null },
})

const provider = (id: string): StoredProvider => ({
  ...base,
  ...{ id, name: `provider-${id}`, settings: { type: 'openai', nested: { list: [1] } } },
})

const providerKey = (id: string, differences: Partial<StoredProviderKey> = {}) => ({
  ...base,
  ...{ id, name: 'main', provider: 'provider-p1', hint: 'sk-…', sealed: `sealed ${id}` },
  ...{ settings: { weight: 2 }, enabled: true },
  ...differences,
})

export const auditEntry = (id: string, differences: Partial<AuditEntry> = {}): AuditEntry => ({
  id,
  at: 5,
  actor: 'admin',
  action: 'update',
  kind: 'key',
  object: 'k1',
  requestId: 'r1',
  before: null,
  after: { name: 'x' },
  ...differences,
})

const session = (id: string, differences: Partial<StoredSession> = {}): StoredSession => ({
  ...{ id, actor: 'admin', createdAt: 1000, usedAt: 1000, expiresAt: 9000 },
  ...differences,
})
const rules = { idleMs: 500, absoluteMs: 5000, noteMs: 100 }
const any = { kind: null, object: null, actor: null }
const page = { after: null, limit: 100 }

/** What every store must do with what else is managed. */
export function accessSuite(store: () => Store): void {
  describe('teams, customers, providers and their keys', () => {
    it('come back as they were made, are changed as far as the patch goes, and go', async () => {
      const made = {
        customer: customer('c1'),
        team: team('t1', { customerId: 'c1' }),
        provider: provider('p1'),
        provider_key: providerKey('pk1'),
      } as const
      for (const kind of ['customer', 'team', 'provider', 'provider_key'] as const) {
        const value = made[kind]
        const before = await store().accessVersion()
        const written = { kind: 'written', value }
        assert.deepEqual(await store().createManaged(kind, value, null), written)
        assert.deepEqual(await store().findManaged(kind, value.id), value)
        const patch = { name: 'other', metadata: {} }
        const next = { ...value, ...patch, version: 2, updatedAt: 9 }
        assert.deepEqual(await store().updateManaged(kind, value.id, 1, patch, 9, null), {
          kind: 'written',
          value: next,
        })
        assert.deepEqual(await store().listManaged(kind, page), [next])
        assert.equal(await store().accessVersion(), before + 2)
      }
      for (const kind of ['provider_key', 'team', 'customer', 'provider'] as const) {
        const { id } = made[kind]
        const late = await store().deleteManaged(kind, id, 1, null)
        assert.deepEqual(late, { kind: 'changed', version: 2 })
        assert.equal((await store().deleteManaged(kind, id, 2, null)).kind, 'written')
        assert.equal(await store().findManaged(kind, id), null)
        assert.deepEqual(await store().deleteManaged(kind, id, null, null), { kind: 'missing' })
      }
    })

    it('have names of their own within their kind, keys within their provider', async () => {
      await store().createManaged('team', team('t1'), null)
      await store().createManaged('team', team('t2'), null)
      const taken = { kind: 'name_taken' }
      const same = team('t3', { name: 'team t1' })
      assert.deepEqual(await store().createManaged('team', same, null), taken)
      assert.deepEqual(
        await store().updateManaged('team', 't2', null, { name: 'team t1' }, 2, null),
        taken,
      )
      await store().createManaged('provider_key', providerKey('a'), null)
      assert.deepEqual(await store().createManaged('provider_key', providerKey('b'), null), taken)
      const elsewhere = providerKey('b', { provider: 'other' })
      assert.equal((await store().createManaged('provider_key', elsewhere, null)).kind, 'written')
    })

    it('are not deleted while something belongs to them, and a deleted key does not count', async () => {
      await store().createManaged('customer', customer('c1'), null)
      await store().createManaged('team', team('t1', { customerId: 'c1' }), null)
      await store().createManaged('provider', provider('p1'), null)
      await store().createManaged('provider_key', providerKey('pk1'), null)
      const given = { hash: 'a'.repeat(64), hint: 'x', origin: 'api' as const, createdAt: 1 }
      await store().createKey(newStoredKey({ id: 'k', name: 'mine', teamId: 't1', ...given }))
      const remove = (kind: 'team' | 'customer' | 'provider', id: string) =>
        store().deleteManaged(kind, id, null, null)
      assert.deepEqual(await remove('team', 't1'), { kind: 'in_use', by: 'key mine' })
      assert.deepEqual(await remove('customer', 'c1'), { kind: 'in_use', by: 'team team t1' })
      assert.deepEqual(await remove('provider', 'p1'), {
        kind: 'in_use',
        by: 'provider key main',
      })
      await store().deleteKey('k', null, 5, null)
      assert.equal((await remove('team', 't1')).kind, 'written')
      assert.equal((await remove('customer', 'c1')).kind, 'written')
    })

    it('do not lose a team to a key that comes at the same time', async () => {
      await store().createManaged('team', team('t1'), null)
      const given = { hash: 'a'.repeat(64), hint: 'x', origin: 'api' as const, createdAt: 1 }
      const [made, removed] = await Promise.all([
        store().createKey(newStoredKey({ id: 'k', name: 'k', teamId: 't1', ...given })),
        store().deleteManaged('team', 't1', null, null),
      ])
      assert.ok((made.kind === 'written') !== (removed.kind === 'written'))
    })

    it('do not belong to a customer that is not there', async () => {
      const made = await store().createManaged('team', team('t1', { customerId: 'x' }), null)
      assert.deepEqual(made, { kind: 'no_such', what: 'customer' })
    })

    it('are listed by pages, the newest first', async () => {
      for (const [id, createdAt] of [
        ['a', 1],
        ['b', 3],
        ['c', 3],
        ['d', 2],
      ] as const)
        await store().createManaged('team', team(id, { createdAt }), null)
      const idsOf = async (after: string | null, limit: number) =>
        (await store().listManaged('team', { after, limit })).map(({ id }) => id)
      assert.deepEqual(await idsOf(null, 2), ['c', 'b'])
      assert.deepEqual(await idsOf('b', 9), ['d', 'a'])
      assert.deepEqual(await idsOf('gone', 9), [])
    })
  })

  describe('limits of providers and models', () => {
    const limits = { requests: null, tokens: null, concurrency: 3 }
    const scope = { kind: 'model' as const, name: 'openai/gpt', limits, budget: null }

    it('are put, replaced and deleted by version', async () => {
      const first = { ...scope, version: 1, updatedAt: 5 }
      assert.deepEqual(await store().putScope(scope, 0, 5, null), { kind: 'written', value: first })
      assert.deepEqual(await store().putScope(scope, 0, 6, null), { kind: 'changed', version: 1 })
      const next = { ...scope, limits: null }
      assert.equal((await store().putScope(next, 1, 7, null)).kind, 'written')
      await store().putScope({ ...scope, kind: 'provider' }, null, 8, null)
      assert.deepEqual(await store().listScopes(), [
        { ...next, version: 2, updatedAt: 7 },
        { ...scope, kind: 'provider', version: 1, updatedAt: 8 },
      ])
      const remove = (version: number) =>
        store().deleteScope('model', 'openai/gpt', version, auditEntry('1'))
      assert.deepEqual(await remove(1), { kind: 'changed', version: 2 })
      assert.equal((await remove(2)).kind, 'written')
      assert.deepEqual(await remove(2), { kind: 'missing' })
      assert.equal((await store().listAudit(any, page)).length, 1)
    })

    it('are not put over a version that is not there', async () => {
      assert.deepEqual(await store().putScope(scope, 3, 5, null), { kind: 'missing' })
    })
  })

  describe('sealed texts', () => {
    it('are all listed, in pages, and rewritten where they are as they were read', async () => {
      await store().createManaged('provider_key', providerKey('a'), null)
      await store().createManaged('provider_key', providerKey('b', { name: 'second' }), null)
      await store().createManaged('provider', provider('p1'), null)
      const settings = JSON.stringify(provider('p1').settings)
      const job = await submit(store(), { id: 'j1', context: 'context 1' })
      await submit(store(), { id: 'j2', context: 'context 2' })
      const found: string[] = []
      for (let after = null as Awaited<ReturnType<Store['listSealed']>>[number] | null; ; ) {
        const [next] = await store().listSealed(after, 1)
        if (!next) break
        found.push(`${next.place} ${next.id} ${next.text}`)
        after = next
      }
      assert.deepEqual(found, [
        'provider_key a sealed a',
        'provider_key b sealed b',
        `provider p1 ${settings}`,
        'job j1 context 1',
        'job j2 context 2',
      ])
      const before = await store().accessVersion()
      const written = await store().resealKeys(
        [
          { place: 'provider_key', id: 'a', was: 'sealed a', text: 'new a' },
          { place: 'provider_key', id: 'b', was: 'other', text: 'new b' },
          { place: 'provider', id: 'p1', was: settings, text: '{"new":1}' },
          { place: 'job', id: job.id, was: 'context 1', text: 'new 1' },
        ],
        auditEntry('1'),
      )
      assert.equal(written, 3)
      assert.deepEqual(
        (await store().listSealed(null, 10)).map(({ text }) => text),
        ['new a', 'sealed b', '{"new":1}', 'new 1', 'context 2'],
      )
      assert.equal(await store().accessVersion(), before + 1)
    })
  })

  describe('sessions', () => {
    it('live while they are used, and note their use now and then', async () => {
      await store().createSession(session('s'), null)
      const touch = (now: number) => store().touchSession('s', rules, now)
      assert.deepEqual(await touch(1099), session('s'))
      assert.deepEqual(await touch(1100), session('s', { usedAt: 1100 }))
      assert.deepEqual(await touch(1599), session('s', { usedAt: 1599 }))
      assert.equal(await touch(2099), null)
    })

    it('end at their own end and at that of the rules, used or not', async () => {
      await store().createSession(session('own', { usedAt: 8999 }), null)
      const long = { ...rules, absoluteMs: 1e6 }
      assert.notEqual(await store().touchSession('own', long, 8999), null)
      assert.equal(await store().touchSession('own', long, 9000), null)
      assert.equal(await store().touchSession('own', rules, 6000), null)
      assert.equal(await store().touchSession('none', rules, 1000), null)
    })

    it('are deleted one by one and by actor, and swept when over', async () => {
      for (const [id, actor] of ['ab', 'ab', 'cd'].entries())
        await store().createSession(session(`s${id}`, { actor }), auditEntry(`c${id}`))
      assert.equal(await store().deleteSession('s0', auditEntry('d0')), true)
      assert.equal(await store().deleteSession('s0', auditEntry('d1')), false)
      assert.equal(await store().deleteSessions('ab', null), 1)
      assert.equal(await store().sweepSessions(rules, 1499), 0)
      assert.equal(await store().sweepSessions(rules, 1500), 1)
      assert.deepEqual(
        (await store().listAudit(any, page)).map(({ id }) => id),
        ['d0', 'c2', 'c1', 'c0'],
      )
    })
  })

  describe('the audit', () => {
    it('is listed newest first, by kind, object and actor, in pages', async () => {
      for (const entry of [
        auditEntry('1', { before: { a: [1, "'"] }, after: null }),
        auditEntry('2', { object: 'k2' }),
        auditEntry('3', { actor: 'bob' }),
        auditEntry('4', { kind: 'team', object: 'k2' }),
      ])
        await store().appendAudit(entry)
      const idsOf = async (filter: Partial<typeof any> | object, after: string | null = null) =>
        (await store().listAudit({ ...any, ...filter }, { after, limit: 3 })).map(({ id }) => id)
      assert.deepEqual(await idsOf({}), ['4', '3', '2'])
      assert.deepEqual(await idsOf({}, '2'), ['1'])
      assert.deepEqual(await idsOf({ object: 'k2' }), ['4', '2'])
      assert.deepEqual(await idsOf({ kind: 'key', object: 'k2' }), ['2'])
      assert.deepEqual(await idsOf({ actor: 'bob' }), ['3'])
      const [oldest] = await store().listAudit(any, { after: '2', limit: 1 })
      assert.deepEqual(oldest, auditEntry('1', { before: { a: [1, "'"] }, after: null }))
    })
  })
}
