import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { missingPostgres, startPostgres, type TestPostgres } from 'test-postgres'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import {
  type AskAdmin,
  adminPassword,
  askAdminOf,
  chatWith,
  dataOf,
  expectStatus,
} from './admin-client.ts'

const skip = missingPostgres
let postgres: TestPostgres
let nodes: readonly [Gateway, Gateway]
let ask: readonly [AskAdmin, AskAdmin]

before(async () => {
  if (skip) return
  postgres = await startPostgres()
  const url = await postgres.createDatabase()
  const start = () =>
    startGateway({
      config: {
        version: 1,
        store: { url },
        auth: { admin: { password: adminPassword } },
        providers: { demo: {} },
      },
      env: { SLUICE_ENCRYPTION_KEY: 'the-same-on-both-nodes-0123456789' },
    })
  // One after the other: the first prepares the database.
  nodes = [await start(), await start()]
  ask = [askAdminOf(nodes[0]), askAdminOf(nodes[1])]
})
after(async () => {
  if (skip) return
  for (const node of nodes) await node.stop('SIGINT')
  await postgres.destroy()
})

const pauseMs = 50
// Within a second on a machine that has the time: they look twice a second, which a test of its own holds by the clock. This is
// for what never comes.
const soonMs = 10_000

/** Asks a node every 50 ms until it answers so; fails when it never does. */
async function untilAnswers(node: Gateway, key: string, status: number, more = {}): Promise<void> {
  const begun = performance.now()
  for (;;) {
    const { status: got } = await chatWith(node, key, more)
    const tookMs = performance.now() - begun
    if (got === status) return
    assert.ok(tookMs < soonMs, `still ${got} and not ${status} after ${Math.round(tookMs)} ms`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

test('what one gateway changes is in force at once there, and within a second at the other', {
  skip,
}, async () => {
  const [here, there] = nodes
  const [askHere, askThere] = ask
  const made = expectStatus(
    await askHere('/api/virtual-keys', { body: { name: 'shared' } }),
    201,
  ).body
  const key = String(made['value'])
  const path = `/api/virtual-keys/${made['id']}`
  assert.equal((await chatWith(here, key)).status, 200)
  await untilAnswers(there, key, 200)

  expectStatus(await askThere(path, { method: 'PATCH', body: { models: ['demo/json'] } }), 200)
  assert.equal((await chatWith(there, key)).status, 403)
  await untilAnswers(here, key, 403)
  expectStatus(await askThere(path, { method: 'PATCH', body: { models: null } }), 200)
  await untilAnswers(here, key, 200)

  const rotated = await askHere(`${path}/rotate`, { body: { overlap: '1h' } })
  await untilAnswers(there, String(expectStatus(rotated, 200).body['value']), 200)
  assert.equal((await chatWith(there, key)).status, 200)

  expectStatus(await askHere(path, { method: 'DELETE' }), 200)
  assert.equal((await chatWith(here, key)).status, 401)
  await untilAnswers(there, key, 401)
})

test("a team's and a model's limits reach the other gateway too", { skip }, async () => {
  const [here, there] = nodes
  const [askHere, askThere] = ask
  expectStatus(await askHere('/api/teams', { body: { name: 'both' } }), 201)
  const made = await askThere('/api/virtual-keys', { body: { name: 'of both', team: 'both' } })
  const key = String(expectStatus(made, 201).body['value'])
  await untilAnswers(here, key, 200)
  const team = dataOf(await askThere('/api/teams'))[0] ?? {}
  const body = { limits: { concurrency: 1, requests: '1/1h' } }
  expectStatus(await askHere(`/api/teams/${team['id']}`, { method: 'PATCH', body }), 200)
  await untilAnswers(there, key, 429)
  expectStatus(
    await askHere(`/api/teams/${team['id']}`, { method: 'PATCH', body: { limits: null } }),
    200,
  )
  await untilAnswers(there, key, 200)
  const limit = { method: 'PUT', body: { limits: { requests: '1/1h' } } }
  expectStatus(await askThere('/api/limits/model/demo/hello', limit), 200)
  await untilAnswers(here, key, 429)
})

test('a session begun at one is one at the other, and over at both', { skip }, async () => {
  const [askHere, askThere] = ask
  const body = { username: 'admin', password: adminPassword }
  const begun = await askHere('/api/session/login', { body, headers: { authorization: '' } })
  const session = { headers: { authorization: `Bearer ${begun.body['token']}` } }
  expectStatus(await askThere('/api/session', session), 200)
  expectStatus(await askThere('/api/session/logout', { method: 'POST', ...session }), 204)
  expectStatus(await askHere('/api/session', session), 401)
})

test('of two that change one thing at the same time one is told that it came late', {
  skip,
}, async () => {
  const made = expectStatus(await ask[0]('/api/teams', { body: { name: 'raced' } }), 201).body
  const writes = await Promise.all(
    ask.map((each, i) =>
      each(`/api/teams/${made['id']}`, {
        method: 'PATCH',
        body: { metadata: { by: String(i) } },
        headers: { 'if-match': '"1"' },
      }),
    ),
  )
  assert.deepEqual(writes.map(({ status }) => status).sort(), [200, 412])
  const twins = await Promise.all(ask.map((each) => each('/api/teams', { body: { name: 'twin' } })))
  assert.deepEqual(twins.map(({ status }) => status).sort(), [201, 409])
})

test('names with everything a database could stumble over are kept as they are', {
  skip,
}, async () => {
  for (const name of ["it's", '\\', '%_', '$1', '日本語 🔑', '";--']) {
    const made = expectStatus(await ask[0]('/api/teams', { body: { name } }), 201).body
    assert.equal((await ask[1](`/api/teams/${made['id']}`)).body['name'], name)
  }
  for (const name of ['a\u0000b', '\ud800'])
    expectStatus(await ask[0]('/api/teams', { body: { name } }), 400)
})
