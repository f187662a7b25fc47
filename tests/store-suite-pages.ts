import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyFilter, StoredKey } from '../src/store/access-store.ts'
import { newStoredKey } from '../src/store/new-stored-key.ts'
import type { Store } from '../src/store/store.ts'
import { team } from './store-suite-access.ts'

const any: KeyFilter = {
  search: null,
  side: null,
  teamId: null,
  customerId: null,
  enabled: null,
}

/** What every store must do where lists are long: parts of them, by filters. */
export function pageSuite(store: () => Store): void {
  const make = (name: string, differences: Partial<StoredKey> = {}) =>
    store().createKey(
      newStoredKey({
        ...{ id: `id-${name}`, name, hash: 'a'.repeat(64), hint: 'sk-…1', createdAt: 1 },
        origin: 'api',
        ...differences,
      }),
    )
  const namesOf = async (filter: Partial<KeyFilter>, after: string | null = null, limit = 100) =>
    (await store().pageKeys({ ...any, ...filter }, { after, limit })).map(({ name }) => name)

  describe('pages of keys', () => {
    it('begin with the newest, go on after any key that ever was, and leave out what is deleted', async () => {
      for (const [i, name] of ['a', 'b', 'c', 'd', 'e'].entries())
        await make(name, { createdAt: i < 2 ? 1 : i })
      assert.deepEqual(await namesOf({}), ['e', 'd', 'c', 'b', 'a'])
      assert.deepEqual(await namesOf({}, null, 2), ['e', 'd'])
      await store().deleteKey('id-d', null, 9, null)
      assert.deepEqual(await namesOf({}, 'id-d', 2), ['c', 'b'])
      assert.deepEqual(await namesOf({}, 'id-b'), ['a'])
      assert.deepEqual(await namesOf({}, 'nobody'), [])
    })

    it('are chosen by side, team, and whether they open; of the file only by name and side', async () => {
      await store().createManaged('team', team('t1'), null)
      await make('ours', { teamId: 't1' })
      await make('off', { enabled: false, disabledAt: 1 })
      const filed = { id: 'f', name: 'filed', hash: 'b'.repeat(64), hint: '' }
      await store().followFileKeys([filed], 5)
      assert.deepEqual(await namesOf({ side: 'file' }), ['filed'])
      assert.deepEqual((await namesOf({ side: 'api' })).toSorted(), ['off', 'ours'])
      assert.deepEqual((await namesOf({ teamId: 't1' })).toSorted(), ['filed', 'ours'])
      assert.deepEqual(await namesOf({ teamId: '' }), ['filed'])
      assert.deepEqual(await namesOf({ customerId: 'c' }), ['filed'])
      assert.deepEqual((await namesOf({ enabled: false })).toSorted(), ['filed', 'off'])
      assert.deepEqual((await namesOf({ enabled: true })).toSorted(), ['filed', 'ours'])
    })

    it('are searched by a part of the name, in which no sign means anything else', async () => {
      for (const name of ['Web_1', 'web-2', '100%', 'back\\slash', "it's"]) await make(name)
      assert.deepEqual((await namesOf({ search: 'WEB' })).toSorted(), ['Web_1', 'web-2'])
      assert.deepEqual(await namesOf({ search: 'b_1' }), ['Web_1'])
      assert.deepEqual(await namesOf({ search: '%' }), ['100%'])
      assert.deepEqual(await namesOf({ search: '\\' }), ['back\\slash'])
      assert.deepEqual(await namesOf({ search: "'" }), ["it's"])
      assert.deepEqual(await namesOf({ search: 'none' }), [])
      // What folds otherwise in each engine is left to whoever asks.
      assert.equal((await namesOf({ search: 'ü' })).length, 5)
    })

    it('of teams are searched the same way', async () => {
      for (const name of ['one', 'Two', 'two_b'])
        await store().createManaged('team', { ...team(name), name }, null)
      const found = async (search: string) =>
        (await store().listManaged('team', { after: null, limit: 9 }, search)).map(
          ({ name }) => name,
        )
      assert.deepEqual((await found('TWO')).toSorted(), ['Two', 'two_b'])
      assert.deepEqual(await found('o_'), ['two_b'])
    })

    it('have names for their ids, also of what was deleted', async () => {
      await make('gone')
      await make('here')
      await store().deleteKey('id-gone', null, 9, null)
      const names = await store().findNames('key', ['id-gone', 'id-here', 'nobody', ''])
      assert.deepEqual(
        [...names].toSorted(),
        [
          ['id-gone', 'gone'],
          ['id-here', 'here'],
        ].toSorted(),
      )
      assert.equal((await store().findNames('customer', ['id-here'])).size, 0)
      assert.equal((await store().findNames('team', [])).size, 0)
    })
  })

  describe('lists of sessions', () => {
    it('have those of one actor that are not over, the newest first', async () => {
      const rules = { idleMs: 100, absoluteMs: 1000, noteMs: 10 }
      const begin = (id: string, actor: string, createdAt: number, usedAt = createdAt) =>
        store().createSession({ id, actor, createdAt, usedAt, expiresAt: createdAt + 1000 }, null)
      await begin('old', 'ann', 100, 950)
      await begin('new', 'ann', 900)
      await begin('idle', 'ann', 800, 850)
      await begin('over', 'ann', 0, 950)
      await begin('other', 'ben', 900)
      const ids = async (now: number) =>
        (await store().listSessions('ann', rules, now)).map(({ id }) => id)
      assert.deepEqual(
        await ids(960),
        ['new', 'old', 'over', 'idle'].filter((id) => id !== 'idle'),
      )
      assert.deepEqual(await ids(1000), ['old'])
      assert.equal((await store().listSessions('nobody', rules, 960)).length, 0)
    })
  })
}
