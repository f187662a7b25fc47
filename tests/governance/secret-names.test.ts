import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  type AskAdmin,
  adminPassword,
  askAdminOf,
  chatWith,
  dataOf,
  expectStatus,
} from '../contract/admin-client.ts'
import { eventually } from '../faults/upstream/rig.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

// A secret in the place of a model's name, by mistake: the call may work, and nothing keeps or shows the secret.

const caller = 'sk-bf-11111111-1111-4111-8111-111111111111'
const credential = 'a-credential-of-no-known-shape'
const secrets = [caller, credential]
let gateway: Gateway
let upstream: Upstream
let ask: AskAdmin

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password: adminPassword } },
      virtual_keys: [{ name: 'caller', value: caller }],
      prices: { 'up/*': { input_per_million: 1, output_per_million: 1 } },
      providers: {
        up: {
          type: 'openai',
          base_url: `${upstream.url}/v1`,
          keys: [{ name: 'own', value: credential }],
        },
      },
    },
  })
  ask = askAdminOf(gateway)
})
after(async () => {
  await gateway.stop('SIGINT')
  await upstream.stop()
})

const models = [...secrets.map((secret) => `up/${secret}`), caller]

test('neither the ledger nor its sums nor the log of calls nor any file has it', async () => {
  for (const model of models)
    assert.equal((await chatWith(gateway, caller, { model })).status, 200, model)
  await eventually(async () => {
    const [logs, usage] = await Promise.all([ask('/api/logs'), ask('/api/usage')])
    const { calls } = expectStatus(usage, 200).body['total'] as { readonly calls: number }
    return dataOf(expectStatus(logs, 200)).length === models.length && calls === models.length
  }, 'every call in the log and in the sums')
  const answers = await Promise.all(
    ['/api/logs', '/api/logs/facets', '/api/usage?by=model,route', '/api/ledger'].map(async (at) =>
      expectStatus(await ask(at), 200),
    ),
  )
  const kept = readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(path.join(parentPath, name), 'latin1'))
  assert.ok(kept.some((text) => text.includes('up/[redacted]')))
  for (const secret of secrets)
    for (const text of [...answers.map((each) => each.text), ...kept, gateway.stderr()])
      assert.ok(!text.includes(secret), secret)
})

test('nor has the list of jobs', async () => {
  for (const model of models) {
    const response = await fetch(`${gateway.url}/v1/async/chat/completions`, {
      method: 'POST',
      headers: { 'x-bf-vk': caller, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    })
    assert.equal(response.status, 202, await response.text())
  }
  const { text } = expectStatus(await ask('/api/jobs'), 200)
  assert.ok(text.includes('up/[redacted]'))
  for (const secret of secrets) assert.ok(!text.includes(secret), secret)
})
