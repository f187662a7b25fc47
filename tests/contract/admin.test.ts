import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Gateway, startGateway } from '../support/start-gateway.ts'

const key = 'sk-bf-11111111-1111-4111-8111-111111111111'
const basic = `Basic ${Buffer.from('admin:a-good-password').toString('base64')}`
let gateway: Gateway

before(async () => {
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password: 'a-good-password' } },
      providers: {
        demo: {},
        // Nobody listens there.
        openai: {
          base_url: 'http://127.0.0.1:9/v1',
          keys: [
            { name: 'one', value: 'sk-canary-one' },
            { name: 'two', value: 'sk-canary-two', models: ['gpt-4o'] },
          ],
        },
      },
      models: {
        smart: {
          targets: [{ model: 'openai/gpt-4o' }, { model: 'demo/hello' }],
          fallbacks: ['demo/json', 'openai/gpt-4o'],
        },
      },
      virtual_keys: [
        { name: 'team', value: key },
        { name: 'barred', value: key.replaceAll('1', '2'), models: ['demo/*'] },
        { name: 'off', value: key.replaceAll('1', '3'), enabled: false },
      ],
    },
  })
})
after(() => gateway.stop('SIGINT'))

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function ask(path: string, init: RequestInit = {}, authorization = basic): Promise<Answer> {
  const headers = { authorization, 'content-type': 'application/json' }
  const response = await fetch(`${gateway.url}${path}`, { headers, ...init })
  const { status } = response
  return { status, headers: response.headers, body: (await response.json()) as Answer['body'] }
}
const explain = (question: object): Promise<Answer> =>
  ask('/api/explain', { method: 'POST', body: JSON.stringify(question) })

interface Shown {
  readonly target: string
  readonly position: number | null
  readonly skipped: string | null
  readonly keys: readonly { readonly key: string; readonly state: string }[]
}
const candidates = ({ body }: Answer): readonly Shown[] => body['candidates'] as Shown[]

test('a route is explained without a call: order, fallbacks, keys', async () => {
  const answer = await explain({ model: 'smart' })
  assert.equal(answer.status, 200)
  assert.deepEqual(
    candidates(answer).map(({ target, position, skipped }) => [target, position, skipped]),
    [
      ['openai/gpt-4o', 1, null],
      ['demo/hello', 2, null],
      ['demo/json', 3, null],
      ['openai/gpt-4o', null, 'it is asked before'],
    ],
  )
  const keys = candidates(answer)[0]?.keys ?? []
  assert.deepEqual(
    keys.map(({ key: name, state }) => [name, state]),
    [
      ['one', 'ready'],
      ['two', 'ready'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(answer.body), /canary/)
})

test('what a key may not use is said to be so', async () => {
  const [first] = candidates(await explain({ model: 'smart', virtual_key: 'barred' }))
  assert.equal(first?.position, null)
  assert.match(first?.skipped ?? '', /"barred" may not use "smart"/)
  const question = { model: 'demo/hello', fallbacks: ['openai/gpt-4o'], virtual_key: 'barred' }
  for (const { position, skipped } of candidates(await explain(question)))
    assert.deepEqual([position, skipped], [null, 'the key "barred" may not use "openai/gpt-4o"'])
  const off = candidates(await explain({ model: 'demo/hello', virtual_key: 'off' }))
  assert.equal(off[0]?.skipped, 'the key "off" is disabled')
  const unknown = await explain({ model: 'smart', virtual_key: 'nobody' })
  assert.equal(unknown.status, 400)
})

test('targets that fail are shown with until when they are left alone', async () => {
  const body = JSON.stringify({ model: 'smart', messages: [{ role: 'user', content: 'x' }] })
  for (let n = 0; n < 5; n++) {
    const answered = await ask('/v1/chat/completions', { method: 'POST', body }, `Bearer ${key}`)
    assert.equal(answered.status, 200)
    assert.equal(answered.headers.get('x-sluice-provider'), 'demo')
  }
  const { body: health } = await ask('/api/health/targets')
  const data = health['data'] as { provider: string; model: string; keys: Shown['keys'] }[]
  const openai = data.find(({ provider, model }) => provider === 'openai' && model === 'gpt-4o')
  assert.ok(
    openai?.keys.every(({ state }) => state === 'open'),
    JSON.stringify(openai),
  )
  const [first] = candidates(await explain({ model: 'smart' }))
  assert.equal(first?.target, 'openai/gpt-4o')
  assert.match(first?.skipped ?? '', /failed of late/)
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  assert.match(metrics, /^sluice_breakers_open 2$/m)
})

test('nobody but the admin learns even that there is such a path', async () => {
  for (const path of ['/api/explain', '/api/health/targets', '/api/nothing']) {
    assert.equal((await ask(path, {}, '')).status, 401, path)
    assert.equal((await ask(path, {}, `Bearer ${key}`)).status, 403, path)
  }
  assert.equal((await ask('/api/nothing')).status, 404)
  const wrong = await ask('/api/explain')
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST'])
})

test('what cannot be explained is refused with the field', async () => {
  for (const [question, param] of [
    [{}, 'model'],
    [{ model: 7 }, 'model'],
    [{ model: 'smart', fallbacks: 'x' }, 'fallbacks'],
    [{ model: 'smart', session: 1 }, 'session'],
  ] as const) {
    const { status, body } = await explain(question)
    assert.equal(status, 400)
    assert.equal((body['error'] as { param: string }).param, param)
  }
  const text = await ask('/api/explain', { method: 'POST', body: '{' })
  assert.equal(text.status, 400)
  assert.equal((text.body['error'] as { code: string }).code, 'invalid_json')
  assert.equal((await explain({ model: 'nobody/x' })).status, 404)
})
