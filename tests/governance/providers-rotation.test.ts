import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { missingPostgres, startPostgres } from 'test-postgres'
import {
  adminPassword,
  askAdminOf,
  chatWith,
  dataOf,
  expectStatus,
} from '../contract/admin-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const keys = ['first', 'second'].map((name) => `the ${name} encryption key 0123456789`)
const [first = '', second = ''] = keys
const envOf = (current: string, former?: string) => ({
  SLUICE_ENCRYPTION_KEY: current,
  ...(former !== undefined && { SLUICE_ENCRYPTION_KEY_OLD: former }),
})

let upstream: Upstream
before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.stop())

const start = (env: Record<string, string>, store?: object): Promise<Gateway> =>
  startGateway({
    config: {
      version: 1,
      auth: { admin: { password: adminPassword } },
      providers: { demo: {} },
      ...(store && { store }),
    },
    env,
  })

/** A provider with a key, and a virtual key that may call it. */
async function fill(gateway: Gateway): Promise<string> {
  const ask = askAdminOf(gateway)
  const settings = {
    ...{ type: 'openai', base_url: `${upstream.url}/v1`, allow_private_network: true },
    headers: { 'x-sealed': 'with the provider' },
  }
  expectStatus(await ask('/api/providers', { body: { name: 'kept', settings } }), 201)
  const key = { name: 'main', value: 'sk-kept' }
  expectStatus(await ask('/api/providers/kept/keys', { body: key }), 201)
  const made = await ask('/api/virtual-keys', { body: { name: 'caller' } })
  return String(expectStatus(made, 201).body['value'])
}

async function assertServes(gateway: Gateway, caller: string): Promise<void> {
  assert.equal((await chatWith(gateway, caller, { model: 'kept/m' })).status, 200)
  assert.equal(upstream.credentials.at(-1), 'sk-kept')
  assert.equal(upstream.requests.at(-1)?.headers['x-sealed'], 'with the provider')
}

/** Waits until it has said how the sealing anew went; answers how many texts that were. */
async function resealed(gateway: Gateway): Promise<number> {
  for (;;) {
    const line = gateway
      .stderr()
      .split('\n')
      .find((each) => each.includes('"resealed"'))
    if (line !== undefined) return Number((JSON.parse(line) as { resealed: number }).resealed)
    await setImmediate()
  }
}

test('the encryption key is replaced, and every key and credential is still good', async () => {
  let gateway = await start(envOf(first))
  const caller = await fill(gateway)
  await assertServes(gateway, caller)
  await gateway.kill()

  gateway = await gateway.restart({ env: envOf(second, first) })
  await assertServes(gateway, caller)
  assert.equal(await resealed(gateway), 2)
  await gateway.kill()

  gateway = await gateway.restart({ env: envOf(second) })
  await assertServes(gateway, caller)
  assert.doesNotMatch(gateway.stderr(), /not in force/)
  await gateway.kill()

  await assert.rejects(gateway.restart({ env: envOf(first) }), (thrown: Error) => {
    assert.match(thrown.message, /ended with code 2/)
    assert.match(thrown.message, /SLUICE_ENCRYPTION_KEY .*is not the one this database was made/)
    assert.ok(!keys.some((key) => thrown.message.includes(key)))
    return true
  })
})

test('what cannot be opened or is no good any more is left out, told and shown, and the gateway starts', async () => {
  let gateway = await start(envOf(first))
  const caller = await fill(gateway)
  const ask = askAdminOf(gateway)
  expectStatus(
    await ask('/api/providers', { body: { name: 'strange', settings: { type: 'openai' } } }),
    201,
  )
  const spoilt = { name: 'spoilt', value: 'sk-spoilt' }
  expectStatus(await ask('/api/providers/kept/keys', { body: spoilt }), 201)
  await gateway.kill()
  const database = new DatabaseSync(path.join(gateway.dataDir, 'sluice.db'))
  // One row's secret in the place of another's, and a type that a later version took away.
  database.exec(`update provider_keys set sealed = (select sealed from provider_keys where name = 'main')
    where name = 'spoilt'`)
  database.exec(`update providers set settings = '{"type":"gone"}' where name = 'strange'`)
  database.close()

  gateway = await gateway.restart({ env: envOf(first) })
  await assertServes(gateway, caller)
  const list = dataOf(await askAdminOf(gateway)('/api/providers?managed_by=api'))
  const problemOf = (name: string): unknown =>
    list.find((each) => each['name'] === name)?.['problem']
  assert.match(String(problemOf('strange')), /no provider type "gone"/)
  assert.equal(problemOf('kept'), null)
  const shown = dataOf(await askAdminOf(gateway)('/api/providers/kept/keys'))
  assert.deepEqual(
    shown.map(({ name, problem }) => [name, problem]),
    [
      ['spoilt', 'What is secret of it cannot be opened with SLUICE_ENCRYPTION_KEY'],
      ['main', null],
    ],
  )
  assert.equal(gateway.stderr().match(/is not in force/g)?.length, 2)
  // Given anew it is good again.
  const rotate = { body: { value: 'sk-new' } }
  const good = await askAdminOf(gateway)('/api/providers/kept/keys/spoilt/rotate', rotate)
  assert.equal(expectStatus(good, 200).body['problem'], null)
  await gateway.stop('SIGINT')
})

const pauseMs = 50
// Within a second on a machine that has the time: they look twice a second, which a test of its own holds by the clock. This is
// for what never comes.
const soonMs = 10_000

test('gateways on one database see each other’s providers within a second, and change the key one after the other', {
  skip: missingPostgres,
}, async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.destroy())
  const store = { url: await postgres.createDatabase() }
  // Before the key is replaced, every one of them is to read both.
  let here = await start(envOf(first, second), store)
  let there = await start(envOf(first, second), store)
  t.after(() => Promise.all([here.stop('SIGINT'), there.stop('SIGINT')]))
  const caller = await fill(here)
  const begun = performance.now()
  for (;;) {
    const { status } = await chatWith(there, caller, { model: 'kept/m' })
    if (status === 200) break
    const tookMs = performance.now() - begun
    assert.ok(tookMs < soonMs, `still ${status} after ${Math.round(tookMs)} ms`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  await here.kill()
  here = await here.restart({ env: envOf(second, first) })
  assert.equal(await resealed(here), 2)
  await assertServes(here, caller)
  // The other still writes with the old key, and reads what the new one sealed.
  const late = { name: 'late', value: 'sk-kept' }
  expectStatus(await askAdminOf(there)('/api/providers/kept/keys', { body: late }), 201)
  await assertServes(there, caller)
  await there.kill()
  there = await there.restart({ env: envOf(second, first) })
  assert.equal(await resealed(there), 1)
  await there.kill()
  there = await there.restart({ env: envOf(second) })
  await assertServes(there, caller)
  await assertServes(here, caller)
})
