import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { Client } from 'pg'
import { missingPostgres, startPostgres, type TestPostgres } from 'test-postgres'
import {
  type OpenedStore,
  resetStatement,
  storedTables,
  storeSuite,
} from '../../tests/store-suite.ts'
import { claim, submit } from '../../tests/store-suite-fixtures.ts'
import { charge, ledgerRow, moneyOf, ref, wish } from '../../tests/store-suite-ledger-fixtures.ts'
import { ledgerLine } from './ledger-line.ts'
import { migrations } from './migrations.ts'
import { newStoredKey } from './new-stored-key.ts'
import { openPostgresStore, type PostgresStore } from './postgres.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { holdLock } from './postgres-steps.ts'

describe('on Postgres', { skip: missingPostgres }, () => {
  let server: TestPostgres
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.destroy())

  storeSuite('the Postgres store', async () => {
    const url = await server.createDatabase()
    const client = new Client({ connectionString: url })
    await client.connect()
    const opened: OpenedStore = {
      store: await openPostgresStore({ url }),
      async empty() {
        await client.query(`truncate ${storedTables.join(', ')} cascade; ${resetStatement}`)
      },
      async tamper(statement) {
        await client.query(statement)
      },
      async reopen() {
        await opened.store.close()
        opened.store = await openPostgresStore({ url })
      },
      async destroy() {
        await opened.store.close()
        await client.end()
      },
    }
    return opened
  })

  /** A database of its own, a way to open stores on it, and one to ask it directly; all closed after the test. */
  async function useDatabase(context: TestContext) {
    const url = await server.createDatabase()
    const stores: PostgresStore[] = []
    context.after(() => Promise.all(stores.map((store) => store.close())))
    return {
      url,
      async open(options: { url?: string; queueLimit?: number } = {}) {
        const store = await openPostgresStore({ url, ...options })
        stores.push(store)
        return store
      },
      async query(text: string): Promise<readonly Record<string, unknown>[]> {
        const client = new Client({ connectionString: url })
        await client.connect()
        try {
          return (await client.query(text)).rows
        } finally {
          await client.end()
        }
      },
    }
  }

  it('two gateways on one database take a thousand jobs, none of them twice', async (context) => {
    const { open } = await useDatabase(context)
    const stores = [await open(), await open()] as const
    const ids: string[] = []
    for (let i = 0; i < 1000; i += 50)
      await Promise.all(
        Array.from({ length: 50 }, async (_, j) => {
          const { id } = await submit(stores[j % 2 ? 0 : 1], { owner: `owner-${j % 7}` })
          ids.push(id)
        }),
      )
    const taken: string[] = []
    const takeAll = async (store: PostgresStore, node: string): Promise<void> => {
      for (;;) {
        const jobs = await claim(store, { node, most: 16, runningPerOwner: 1000 })
        if (jobs.length === 0) return
        taken.push(...jobs.map(({ id }) => id))
      }
    }
    await Promise.all(
      stores.flatMap((store, i) => [takeAll(store, `node-${i}`), takeAll(store, `node-${i}`)]),
    )
    assert.equal(taken.length, 1000)
    assert.deepEqual(taken.toSorted(), ids.toSorted())
  })

  it('gateways that ask for one budget at the same moment get all of it, and not a nano-dollar more', async (context) => {
    const { open } = await useDatabase(context)
    const stores = [await open(), await open(), await open()]
    const granted = await Promise.all(
      Array.from({ length: 150 }, async (_, i) => {
        const store = stores[i % 3]
        assert.ok(store)
        // A budget that is not there yet, among others in another order each time.
        const wishes = ['a', 'b', 'c'].map((id) => wish(id, 30, 1010))
        const turned = [...wishes.slice(i % 3), ...wishes.slice(0, i % 3)]
        const nanos = await store.leaseBudgets(`node-${i % 3}`, turned, 1)
        return nanos.reduce((sum, one) => sum + one, 0)
      }),
    )
    assert.equal(
      granted.reduce((sum, one) => sum + one, 0),
      3 * 1010,
    )
  })

  it('gateways that take, spend, give back and end at the same time leave books that add up', async (context) => {
    const { open, query } = await useDatabase(context)
    const stores = [await open(), await open()]
    let call = 0
    const work = async (store: PostgresStore, node: string): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        const ids = ['a', 'b', 'c'].toSorted(() => (round % 2 ? 1 : -1))
        await store.leaseBudgets(
          node,
          ids.map((id) => wish(id, 50, 5000)),
          1,
        )
        const settled = ids.map((id) => ({
          row: ledgerRow(`${node}-${++call}/1`, { keyId: id, model: `model-${call % 7}` }),
          charges: [charge(id, 20), charge('all', 20)],
        }))
        await store.settleAttempts(node, settled.map(ledgerLine))
        await store.returnLeases(
          node,
          ids.map((id) => ({ ...ref(id), nanos: 10 })),
        )
        if (round % 5 === 4) await store.endNodeLeases(node, true, round)
      }
      await store.endNodeLeases(node, false, 1)
    }
    await Promise.all(
      stores.flatMap((store, i) => ['x', 'y'].map((name) => work(store, `${name}${i}`))),
    )
    const [store] = stores
    assert.ok(store)
    assert.deepEqual(await moneyOf(store, 'all'), [4 * 15 * 3 * 20, 0])
    assert.deepEqual(await store.recount(0), { budgets: [], usageRows: 0 })
    const [leases] = await query('select count(*)::integer as count from budget_leases')
    assert.deepEqual(leases, { count: 0 })
    // Undone and run again would be right as well, but is not what the order of locks is for.
    const [database] = await query(
      'select deadlocks::integer from pg_stat_database where datname = current_database()',
    )
    assert.deepEqual(database, { deadlocks: 0 })
  })

  it('two that count anew at the same time set right once', async (context) => {
    const { open, query } = await useDatabase(context)
    const stores = [await open(), await open()] as const
    await stores[0].settleAttempts('n', [
      ledgerLine({ row: ledgerRow('c/1'), charges: [charge('a', 100)] }),
    ])
    await query('update budgets set spent = spent + 5; update usage_sums set attempts = 7')
    const told = await Promise.all(stores.map((store) => store.recount(0)))
    assert.deepEqual(told.map(({ budgets }) => budgets.length).toSorted(), [0, 1])
    assert.deepEqual(await moneyOf(stores[0], 'a'), [100, 0])
  })

  it('a database of version 2 keeps its keys, which have no limits and no owner', async (context) => {
    const { url, open, query } = await useDatabase(context)
    const client = new Client({ connectionString: url })
    await client.connect()
    await migratePostgres(client, 'x', migrations.slice(0, 2))
    await client.end()
    const insert = (id: string) =>
      query(`insert into virtual_keys values
        ('${id}', '${id}', '${'a'.repeat(64)}', 'x', 'api', null, 1, null, 5, null)`)
    await insert('before')
    const store = await open()
    // A gateway of that version goes on writing while another has moved on.
    await query(`insert into virtual_keys (id, name, hash, hint, origin, enabled, created_at)
      values ('after', 'after', '${'a'.repeat(64)}', 'x', 'api', 1, 6)`)
    const expected = ['before', 'after'].map((id, i) =>
      newStoredKey({
        ...{ id, name: id, hash: 'a'.repeat(64), hint: 'x', origin: 'api', createdAt: 5 + i },
      }),
    )
    assert.deepEqual(await store.listKeys(), expected)
  })

  it('two gateways that open an empty database at the same time both come up', async (context) => {
    const { open } = await useDatabase(context)
    const stores = await Promise.all([open(), open(), open()])
    await Promise.all(stores.map((store) => store.ping()))
  })

  it('goes by the clock of the database, whatever it is told', async (context) => {
    const { open, query } = await useDatabase(context)
    const store = await open()
    const [row] = await query('select floor(extract(epoch from now()) * 1000)::text as now')
    const told = await store.syncClock(5)
    assert.ok(told >= Number(row?.['now']) && told < Number(row?.['now']) + 60_000)
    await query('update clock set latest = latest + 3600000')
    assert.equal(await store.syncClock(5), told + 3_600_000)
  })

  it('fails while the server is away, works again when it is back, and the process lives', async (context) => {
    const { open } = await useDatabase(context)
    const store = await open()
    const { id } = await submit(store)
    // Connections that wait in the pool, and one command that is under way, lose the server.
    await Promise.all(Array.from({ length: 5 }, () => store.ping().then(() => store.countJobs())))
    const asked = Array.from({ length: 50 }, () => store.putSetting('a', 'x'))
    const [outcomes] = await Promise.all([Promise.allSettled(asked), server.stop()])
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'storage_unavailable')
    for (const command of [() => store.ping(), () => store.findJob(id, 1)])
      await assert.rejects(command(), { name: 'GatewayError', code: 'storage_unavailable' })
    await server.start()
    assert.equal((await store.findJob(id, 2))?.id, id)
    assert.equal((await claim(store)).length, 1)
  })

  it('a connection that is cut in the middle of a command fails that one alone', async (context) => {
    const { url, open, query } = await useDatabase(context)
    const store = await open()
    await store.putSetting('a', 'x')
    const holder = new Client({ connectionString: url })
    await holder.connect()
    await holder.query('begin; select * from settings for update')
    const waiting = assert.rejects(store.putSetting('a', 'y'), { code: 'storage_unavailable' })
    await untilWaiting(query)
    await store.ping()
    await query(`select pg_terminate_backend(pid) from pg_stat_activity where ${isWaiting}`)
    await waiting
    await holder.query('rollback')
    await holder.end()
    assert.deepEqual(await store.readSettings(), new Map([['a', 'x']]))
    await store.putSetting('a', 'z')
  })

  it('a command undone by a deadlock is run again', async (context) => {
    const { url, open, query } = await useDatabase(context)
    const store = await open()
    const keys = ['a', 'b'].map((name) => ({ id: name, name, hash: 'a'.repeat(64), hint: 'x' }))
    await store.followFileKeys(keys, 1)
    const other = new Client({ connectionString: url })
    await other.connect()
    // It never looks for a deadlock itself, so ours is the one that is undone.
    await other.query("set deadlock_timeout = '1h'; begin")
    await other.query("update virtual_keys set hint = 'y' where name = 'b'")
    const following = store.followFileKeys(keys, 2)
    await untilWaiting(query)
    await other.query("update virtual_keys set hint = 'y' where name = 'a'")
    await other.query('commit')
    await other.end()
    await following
    assert.deepEqual(
      (await store.listKeys()).map(({ hint }) => hint),
      ['x', 'x'],
    )
  })

  it('beyond the limit of waiting commands a new one is refused at once, the others go on', async (context) => {
    const { open } = await useDatabase(context)
    const store = await open({ queueLimit: 3 })
    const asked = ['a', 'b', 'c'].map((name) => store.putSetting(name, 'x'))
    await assert.rejects(store.putSetting('d', 'x'), { name: 'GatewayError', code: 'overloaded' })
    await Promise.all(asked)
    await store.putSetting('e', 'x')
    assert.deepEqual([...(await store.readSettings()).keys()].sort(), ['a', 'b', 'c', 'e'])
  })

  it('one key that hands in more than can be taken at once does not hold up the rest', async (context) => {
    const { url, open, query } = await useDatabase(context)
    const store = await open()
    const holder = new Client({ connectionString: url })
    await holder.connect()
    await holder.query('begin')
    await holdLock(holder, 'submit ann')
    const submits = Array.from({ length: 50 }, () => submit(store))
    await untilWaiting(query)
    assert.equal(await store.findJob('none', 1), null)
    await store.keepJobs('node', [], 2, 1)
    await holder.query('commit')
    await holder.end()
    await Promise.all(submits)
    assert.equal((await store.countJobs()).queued, 50)
  })

  it('an answer means that it is on disk, also where the database is set to less', async (context) => {
    const { open, query } = await useDatabase(context)
    const [database] = await query('select current_database() as name')
    await query(`alter database ${database?.['name']} set synchronous_commit = off`)
    await (await open()).ping()
    await query(`create table seen (setting text);
      create function note() returns trigger language plpgsql as $$
        begin insert into seen values (current_setting('synchronous_commit')); return new; end $$;
      create trigger note after insert on settings for each row execute function note()`)
    await (await open()).putSetting('a', 'x')
    assert.deepEqual(await query('select setting from seen'), [{ setting: 'on' }])
  })

  describe('is refused with one sentence that says what to do', () => {
    const refused = (url: string, message: RegExp) =>
      assert.rejects(openPostgresStore({ url }), { name: 'StoreOpenError', message })

    it('when it was written by a newer version', async (context) => {
      const { url, open, query } = await useDatabase(context)
      await (await open()).close()
      await query('insert into sluice_schema values (999)')
      await refused(url, /written by a newer Sluice \(schema 999, this one knows \d+\)/)
    })

    it('when another program has tables of the same name there, which stay as they are', async (context) => {
      const { url, query } = await useDatabase(context)
      await query('create table settings (theirs text)')
      await refused(url, /"settings" already exists.*database or a schema of its own/)
      const tables = await query("select tablename from pg_tables where schemaname = 'public'")
      assert.deepEqual(tables, [{ tablename: 'settings' }])
    })

    it('when there is no such database, no such host, or nothing that answers, and without the password', async (context) => {
      const { url } = await useDatabase(context)
      const secret = 'hunter2secret'
      const address = URL.parse(url)
      assert.ok(address)
      const { hostname, port } = address
      for (const [given, message] of [
        [`postgres://postgres:${secret}@${hostname}:${port}/nowhere`, /there is no such database/],
        [`postgres://postgres:${secret}@${hostname}:1/x`, /x at 127\.0\.0\.1:1 .*nothing answers/],
        [`postgres://postgres:${secret}@no.such.host.invalid/x`, /its host is not known/],
      ] as const) {
        const error = await openPostgresStore({ url: given }).then(
          () => assert.fail('it opened'),
          (thrown: unknown) => thrown,
        )
        assert.ok(error instanceof Error)
        assert.match(error.message, message)
        assert.doesNotMatch(inspect(error), new RegExp(secret))
      }
    })

    it('when the user has no right to make tables', async (context) => {
      const { url, query } = await useDatabase(context)
      const [database] = await query('select current_database() as name')
      const name = `guest_of_${database?.['name']}`
      await query(`create role ${name} login`)
      await refused(url.replace('postgres@', `${name}@`), /lacks a right .*GRANT/)
    })
  })
})

const isWaiting = "datname = current_database() and wait_event_type = 'Lock'"

/** Until some command waits for another's lock. */
async function untilWaiting(query: (text: string) => Promise<readonly unknown[]>): Promise<void> {
  for (;;) {
    const found = await query(`select pid from pg_stat_activity where ${isWaiting}`)
    if (found.length > 0) return
  }
}
