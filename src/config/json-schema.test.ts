import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Schema from 'typebox/schema'
import { parse } from 'yaml'
import { configJsonSchema } from './json-schema.ts'
import { loadConfig } from './load.ts'

const sample = `version: 1
server:
  host: 127.0.0.1
  port: 8080
  max_body: 100MiB
  max_reply: 32MiB
  max_buffered: 512MiB             # all bodies in memory together; beyond: 503 before the body is read
  max_in_flight: { plain: 2000, streams: 10000 }
  # cors: { origins: [https://app.example.com] }   # a grant: absent means none; the request headers of SDKs and x-bf-* are allowed for them
  drain: { delay: 5s, grace: 600s } # plain calls, streams and dispatched jobs share the grace; queued jobs go back at once
  stream: { hold: 15s, keep_alive: 15s }
auth:
  inference: required              # required | optional (dummy keys pass)
  admin: { username: admin, password: "\${SLUICE_ADMIN_PASSWORD}" }
  # anonymous: { models: [...], limits: {...}, budget: {...} }   # what optional callers may do; absent: everything
providers:
  openai:                          # the name is the prefix in provider/model
    type: openai                   # default: the name itself where it is a built-in type
    base_url: https://api.openai.com/v1
    keys:
      - { name: main, value: "\${OPENAI_API_KEY}", weight: 1 }          # models: [...] restricts; quota_group: default each key its own
    headers: {}
    timeouts: { connect: 5s, first_byte: 120s, first_token: 300s, idle: 120s, total: 600s, stream_total: 3600s, job: 1800s }
    # proxy: http://…   tls: { ca: "\${file:ca.pem}" }   HTTPS_PROXY and NO_PROXY are honoured and shown by check
    retries: { max: 2, base: 250ms, cap: 8s }
    max_concurrency: 1000
  azure:
    type: azure
    base_url: https://my-resource.openai.azure.com
    api_version: "2024-10-21"
    deployments: { gpt-4o: my-gpt4o }        # model -> deployment; absent: the model is the deployment
    keys: [{ name: eu, value: "\${AZURE_OPENAI_API_KEY}" }]
  local:
    type: openai-compatible
    base_url: http://127.0.0.1:9000/v1       # no keys: no credential is sent
models:                            # public names; an exact match wins over everything
  smart:
    strategy: weighted             # priority | weighted | least-latency
    targets: [{ model: openai/gpt-4o, weight: 3 }, { model: azure/gpt-4o, weight: 1 }]
    fallbacks: [anthropic/claude-sonnet-4-5]
virtual_keys:
  - name: team-a
    value: "\${TEAM_A_KEY}"         # sk-bf-<uuid>
    models: [smart, "openai/*"]
    limits: { requests: 100/1m, tokens: 100000/1m, concurrency: 10 }
    budget: { usd: 50, per: 1d }   # assume_output_tokens: 4096 (without max_tokens), unpriced: refuse | allow, strict: false
    expires_at: 2027-01-01T00:00:00Z
    enabled: true
prices:                            # overrides; USD per million tokens; key = provider/model
  openai/gpt-4o: { input_per_million: 2.5, cached_input_per_million: 1.25, output_per_million: 10 }
jobs: { concurrency: 64, per_key_concurrency: 16, queue_limit: 10000, per_key_queue_limit: 5000, result_ttl: 1h, max_result_ttl: 7d, max_attempts: 3, max_body: 10MiB, max_result: 32MiB, queue_bytes: 5GiB }
# store: { url: "postgres://user:pass@host/db" }    # default sqlite:<data-dir>/sluice.db
`

const types = ['openai', 'openai-compatible', 'azure', 'demo']
const folder = mkdtempSync(join(tmpdir(), 'sluice-sample-'))
after(() => rmSync(folder, { recursive: true }))

test('the sample of the contract loads, with what it says', () => {
  writeFileSync(join(folder, 'sluice.yaml'), sample)
  const loaded = loadConfig({
    flags: {},
    env: {
      OPENAI_API_KEY: 'sk-openai',
      AZURE_OPENAI_API_KEY: 'azure-key',
      SLUICE_ADMIN_PASSWORD: 'a password',
      TEAM_A_KEY: 'sk-bf-5b1f3c1e-8d0e-4d0e-9a52-0c6f1f6f2a77',
    },
    cwd: folder,
    providerTypes: types.map((type) => {
      const defaultBaseUrl = type === 'openai' ? 'https://api.openai.com/v1' : null
      return { type, defaultBaseUrl, envKeys: [], needsKey: false }
    }),
  })
  const { config } = loaded
  assert.equal(loaded.file, 'sluice.yaml')
  assert.deepEqual([...config.providers.keys()], ['openai', 'azure', 'local'])
  assert.equal(config.providers.get('openai')?.timeouts.firstTokenMs, 300_000)
  assert.equal(config.providers.get('azure')?.deployments?.get('gpt-4o'), 'my-gpt4o')
  assert.equal(config.providers.get('local')?.keys, null)
  assert.equal(config.auth.admin.password, 'a password')
  assert.deepEqual(config.models.get('smart')?.targets, [
    { model: 'openai/gpt-4o', weight: 3 },
    { model: 'azure/gpt-4o', weight: 1 },
  ])
  assert.deepEqual(config.virtualKeys[0]?.limits, {
    requests: { amount: 100, windowMs: 60_000 },
    tokens: { amount: 100_000, windowMs: 60_000 },
    concurrency: 10,
  })
  assert.deepEqual(config.virtualKeys[0]?.budget?.window, { periodMs: 86_400_000 })
  assert.equal(config.virtualKeys[0]?.expiresAt, Date.UTC(2027, 0, 1))
  assert.equal(config.prices.get('openai/gpt-4o')?.[0]?.price.cachedInput?.base, 1_250_000_000)
  assert.equal(config.jobs.maxBodyBytes, 10 * 2 ** 20)
  assert.deepEqual(loaded.warnings, [
    'models.smart.fallbacks[0]: no provider "anthropic"; skipped until there is one.',
  ])
  assert.ok(!JSON.stringify(loaded.settings).includes('a password'))
})

test('the JSON Schema accepts the sample and what a reference may stand for', () => {
  const check = Schema.Compile(configJsonSchema(types))
  assert.ok(check.Check(parse(sample)))
  assert.ok(check.Check({ version: 1, providers: { demo: {} } }))
  assert.ok(check.Check({ version: 1, server: { port: `\${PORT}`, drain: { delay: `\${D}` } } }))
})

test('the JSON Schema refuses what the loader refuses', () => {
  const check = Schema.Compile(configJsonSchema(types))
  const refused = [
    {},
    { version: 2 },
    { version: 1, sever: {} },
    { version: 1, server: { port: 'x' } },
    { version: 1, server: { max_body: '5MB' } },
    { version: 1, providers: { 'a/b': {} } },
    { version: 1, providers: { a: { type: 'opnai' } } },
    { version: 1, providers: { a: { keys: [] } } },
    { version: 1, models: { a: { targets: [] } } },
    { version: 1, models: { a: { targets: [{ weight: 1 }] } } },
    { version: 1, virtual_keys: [{ name: 'a' }] },
  ]
  for (const file of refused) {
    const text = JSON.stringify(file)
    assert.ok(!check.Check(file), text)
    writeFileSync(join(folder, 'refused.json'), text)
    const flags = { config: 'refused.json' }
    const load = () =>
      loadConfig({
        flags,
        env: {},
        cwd: folder,
        providerTypes: [
          { type: 'openai', defaultBaseUrl: 'https://x', envKeys: [], needsKey: false },
        ],
      })
    assert.throws(load, { name: 'ConfigError' }, text)
  }
})
