import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openaiError } from '../support/upstream-openai.ts'
import type { SeenRequest } from '../support/upstream-request.ts'
import { json } from '../support/upstream-script.ts'
import { callRecord } from './log-lines.ts'
import {
  adminBasic,
  ask,
  chat,
  envelopeOf,
  type HeaderList,
  keys,
  type Stage,
  upstreamKeys,
  withKey,
} from './stage.ts'

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** What travels in headers, in both directions, and what must not. */
export function headersSuite(stage: Stage): void {
  const { gateway, upstream } = stage
  const arrived = (model: string): Promise<SeenRequest> =>
    upstream.next((request) => request.model === model)

  test('a printable request id of the caller is kept, on every route and on errors', async () => {
    for (const [path, headers, body, status] of [
      ['/v1/chat/completions', withKey(keys.open), chat('demo/hello'), 200],
      ['/v1/chat/completions', [], chat('demo/hello'), 401],
      ['/v1/chat/completions', withKey(keys.open), '{', 400],
      ['/v1/models', withKey(keys.open), undefined, 200],
      ['/v1/models/%ZZ', withKey(keys.open), undefined, 400],
      ['/livez', [], undefined, 200],
      ['/nowhere', [], undefined, 404],
      ['/nowhere/%ZZ', [], undefined, 400],
      ['/v1/chat/completions', [], undefined, 405],
      ['/api/nothing', [], undefined, 401],
    ] as const) {
      const label = `my label ${status} ${path}`
      const answer = await ask(gateway, {
        path,
        headers: [...headers, ['X-Request-Id', label]],
        ...(body !== undefined && { body }),
      })
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers['x-request-id'], label)
      if (status >= 400) envelopeOf(answer)
    }
  })

  test('a request id that is none is replaced by the id of the call', async () => {
    for (const [label, kept] of [
      ['y'.repeat(128), true],
      ['y'.repeat(129), false],
      ['caf\u00e9', false],
      ['a\tb', false],
      ['', false],
    ] as const) {
      const { headers } = await ask(gateway, {
        headers: [...withKey(keys.open), ['x-request-id', label]],
        body: chat('demo/hello'),
      })
      assert.equal(headers['x-request-id'], kept ? label : headers['x-sluice-call-id'], label)
      assert.match(headers['x-sluice-call-id'] ?? '', uuid7)
    }
  })

  test('two calls under one label have two ids, and the log keeps both', async () => {
    const label: HeaderList = [...withKey(keys.open), ['x-request-id', 'headers-twice']]
    const ids = []
    for (const body of [chat('demo/hello'), chat('demo/error-429')])
      ids.push((await ask(gateway, { headers: label, body })).headers['x-sluice-call-id'] ?? '')
    assert.notEqual(ids[0], ids[1])
    for (const [index, status] of [200, 429].entries()) {
      const record = await callRecord(gateway, ids[index] ?? '')
      assert.deepEqual([record['request'], record['status']], ['headers-twice', status])
    }
  })

  test('answers name the provider, its model and the attempts, also on errors', async () => {
    upstream.on('headers-500', json(500, openaiError('no')))
    for (const [model, expected] of [
      ['smart', { provider: 'openai', model: 'behind-smart', attempts: '1' }],
      ['azure/gpt-4o', { provider: 'azure', model: 'my-gpt4o', attempts: '1' }],
      ['openai/headers-500', { provider: 'openai', model: 'headers-500', attempts: '1' }],
      ['openai/headers-\u00fc', { provider: 'openai', model: 'headers-?', attempts: '1' }],
      ['nowhere/x', { provider: undefined, model: undefined, attempts: '0' }],
    ] as const)
      for (const stream of [false, true]) {
        const { headers } = await ask(gateway, { body: chat(model, { stream }) })
        assert.deepEqual(
          {
            provider: headers['x-sluice-provider'],
            model: headers['x-sluice-model'],
            attempts: headers['x-sluice-attempts'],
          },
          expected,
          model,
        )
        assert.match(headers['openai-processing-ms'] ?? '', /^\d+$/)
        assert.equal(headers['x-sluice-fallback-index'], undefined)
      }
  })

  test('a plain reply and a stream have the headers that clients and proxies need', async () => {
    const plain = await ask(gateway, { body: chat('openai/headers-plain') })
    assert.equal(plain.headers['content-type'], 'application/json')
    const stream = await ask(gateway, { body: chat('openai/headers-plain', { stream: true }) })
    assert.equal(stream.headers['content-type'], 'text/event-stream; charset=utf-8')
    assert.equal(stream.headers['cache-control'], 'no-cache')
    assert.equal(stream.headers['x-accel-buffering'], 'no')
    assert.ok(stream.text.endsWith('data: [DONE]\n\n'))
  })

  test("of the provider's headers only its limits come back, under a name of ours", async () => {
    const limits = ['limit', 'remaining', 'reset'].flatMap((fact) =>
      ['requests', 'tokens'].map((unit) => `x-sluice-upstream-ratelimit-${fact}-${unit}`),
    )
    const ours = [
      ...['connection', 'content-type', 'date', 'keep-alive', 'openai-processing-ms'],
      ...['x-content-type-options', 'x-request-id', 'x-sluice-attempts', 'x-sluice-call-id'],
      ...['x-sluice-model', 'x-sluice-provider'],
    ]
    const framing = {
      false: ['content-length'],
      true: ['cache-control', 'transfer-encoding', 'x-accel-buffering'],
    }
    for (const stream of [false, true]) {
      const answer = await ask(gateway, { body: chat('openai/headers-back', { stream }) })
      const names = answer.rawHeaders.map(([name]) => name.toLowerCase())
      assert.deepEqual(names.sort(), [...limits, ...ours, ...framing[`${stream}`]].sort())
      assert.equal(answer.headers['x-sluice-upstream-ratelimit-limit-requests'], '10000')
      assert.equal(answer.headers['x-sluice-upstream-ratelimit-reset-requests'], '6ms')
      assert.doesNotMatch(answer.headers['x-request-id'] ?? '', /^req_/)
    }
  })

  test('a wait that the provider asks for is passed on, to the millisecond where it gives one', async () => {
    upstream.on('waits-so-long', json(429, openaiError('Slow'), { 'retry-after-ms': '1500' }))
    const { headers } = await ask(gateway, { body: chat('limited/waits-so-long') })
    assert.deepEqual(
      [headers['retry-after-ms'], headers['retry-after'], headers['x-should-retry']],
      ['1500', '2', 'true'],
    )
  })

  test('refusals that repeating cannot help say so', async () => {
    for (const [headers, body, status] of [
      [withKey(keys.open), '{"model":', 400],
      [[], chat('demo/hello'), 401],
      [withKey(keys.disabled), chat('demo/hello'), 403],
      [withKey(keys.open), chat('nowhere/x'), 404],
    ] as const) {
      const answer = await ask(gateway, { headers, body })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['x-should-retry'], 'false')
      assert.equal(answer.headers['retry-after'], undefined)
    }
  })

  test('a request to the provider is built anew: nothing of the caller but betas is in it', async () => {
    const credentials: HeaderList = [
      ['Authorization', `Bearer ${keys.open}`],
      ['x-api-key', 'canary-foreign'],
      ['api-key', 'canary-foreign'],
      ['x-goog-api-key', 'canary-foreign'],
      ['Cookie', 'session=canary-cookie'],
      ['OpenAI-Organization', 'org-canary'],
      ['OpenAI-Project', 'proj-canary'],
      ['x-goog-user-project', 'canary'],
      ['x-amz-date', 'canary'],
      ['x-bf-dim-team', 'canary'],
      ['x-bf-session-id', 'canary'],
      ['x-bf-anything', 'canary'],
      ['x-stainless-retry-count', '0'],
      ['x-forwarded-for', '192.0.2.1'],
      ['Accept-Encoding', 'gzip, br'],
      ['Referer', 'https://canary.example'],
      ['Idempotency-Key', 'canary'],
      ['OpenAI-Beta', 'assistants=v2'],
      ['anthropic-beta', 'tools-2024'],
    ]
    await ask(gateway, { headers: credentials, body: chat('openai/headers-built') })
    const request = await arrived('headers-built')
    assert.deepEqual(request.rawHeaders.map(([name]) => name.toLowerCase()).sort(), [
      'accept',
      'accept-encoding',
      'anthropic-beta',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'openai-beta',
      'user-agent',
    ])
    assert.equal(request.headers['accept-encoding'], 'identity')
    assert.equal(request.headers['authorization'], `Bearer ${upstreamKeys.main}`)
    assert.equal(request.headers['openai-beta'], 'assistants=v2')
    assert.doesNotMatch(JSON.stringify(request.rawHeaders), /canary-foreign|sk-bf-/)
  })

  test('an Azure upstream gets its key in api-key, a local one none', async () => {
    await ask(gateway, { body: chat('azure/headers-azure') })
    const azure = await arrived('headers-azure')
    assert.equal(azure.headers['api-key'], upstreamKeys.azure)
    assert.equal(azure.headers['authorization'], undefined)
    await ask(gateway, { body: chat('local/headers-local') })
    assert.equal((await arrived('headers-local')).credential, undefined)
  })

  extraHeaders(stage, arrived)
  pinnedKeys(stage, arrived)

  test('dimensions stand in the log line of the call', async () => {
    const { headers } = await ask(gateway, {
      headers: [...withKey(keys.open), ['x-bf-dim-team', 'blue'], ['X-BF-Dim-Env', 'prod']],
      body: chat('demo/hello'),
    })
    const record = await callRecord(gateway, headers['x-sluice-call-id'] ?? '')
    assert.deepEqual(record['dimensions'], { team: 'blue', env: 'prod' })
    assert.deepEqual([record['principal'], record['model']], ['open', 'demo/hello'])
  })
}

function extraHeaders({ gateway }: Stage, arrived: (model: string) => Promise<SeenRequest>): void {
  const extra: HeaderList = [
    ['x-bf-eh-x-trace-me', 'yes'],
    ['x-bf-eh-x-other', 'other'],
    ...[
      'authorization',
      'api-key',
      'x-api-key',
      'cookie',
      'content-type',
      'content-length',
      'accept-encoding',
      'transfer-encoding',
      'connection',
      'x-amz-security-token',
      'openai-organization',
      'x-goog-user-project',
      'x-bf-vk',
    ].map((name): [string, string] => [`x-bf-eh-${name}`, 'canary']),
  ]
  for (const [who, credential, passes] of [
    ['a key without the right', `Bearer ${keys.open}`, []],
    ['a key with a list', `Bearer ${keys.forwarding}`, ['x-trace-me']],
    ['the admin', adminBasic, ['x-other', 'x-trace-me']],
  ] as const)
    test(`x-bf-eh-* of ${who} passes ${passes.join(' and ') || 'nothing'}`, async () => {
      const model = `extra-${passes.length}`
      const headers: HeaderList = [['authorization', credential], ...extra]
      const answer = await ask(gateway, { headers, body: chat(`openai/${model}`) })
      assert.equal(answer.status, 200, answer.text)
      const { rawHeaders, headers: got } = await arrived(model)
      const names = rawHeaders.map(([name]) => name.toLowerCase())
      assert.deepEqual(names.filter((name) => /^x-/.test(name)).sort(), passes)
      assert.doesNotMatch(JSON.stringify(rawHeaders), /canary"/)
      assert.equal(got['content-type'], 'application/json')
    })
}

function pinnedKeys({ gateway }: Stage, arrived: (model: string) => Promise<SeenRequest>): void {
  const pin = (credential: string, name: string, model: string) =>
    ask(gateway, {
      headers: [
        ['authorization', credential],
        ['x-bf-api-key', name],
      ],
      body: chat(model),
    })

  test('a pinned key is the one used, for keys with the right and the admin', async () => {
    for (const credential of [`Bearer ${keys.pinning}`, adminBasic]) {
      assert.equal((await pin(credential, 'spare', 'openai/pinned')).status, 200)
      assert.equal((await arrived('pinned')).credential, upstreamKeys.spare)
    }
  })

  test('pinning without the right, or a key that is not there, is refused', async () => {
    const refused = envelopeOf(await pin(`Bearer ${keys.open}`, 'spare', 'openai/pinned'))
    assert.deepEqual([refused.status_code, refused.error.code], [403, 'forbidden'])
    const missing = envelopeOf(await pin(`Bearer ${keys.pinning}`, 'nobody', 'openai/pinned'))
    assert.deepEqual([missing.status_code, missing.error.param], [400, 'x-bf-api-key'])
  })
}
