// Keys that are nearly right, in the wrong place, tried by the thousand, or taken back while they are used.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AskAdmin, askAdminOf, errorOf, expectStatus } from '../contract/admin-client.ts'
import { eventually } from '../faults/upstream/rig.ts'
import * as script from '../support/upstream-script.ts'
import {
  answered,
  type Fields,
  type Governed,
  nanosPerToken,
  openGoverned,
  secretOf,
  tally,
  together,
  words,
} from './governed.ts'
import { contradictions } from './read-books.ts'

let stage: Governed
let ask: AskAdmin
before(async () => {
  stage = await openGoverned({
    keys: { good: {}, other: {} },
    server: { trusted_proxies: ['127.0.0.1'] },
  })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
  ask = askAdminOf(stage.gateway)
})
after(() => stage[Symbol.asyncDispose]())

const create = async (name: string, more: object = {}) => {
  const { body } = expectStatus(await ask('/api/virtual-keys', { body: { name, ...more } }), 201)
  return { path: `/api/virtual-keys/${body['id']}`, value: String(body['value']) }
}
/** Without a key of the file's. */
const callAs = (value: string, fields: Fields = {}, headers: Fields = {}) =>
  stage.call('', fields, { authorization: `Bearer ${value}`, ...headers })

test('a key that is nearly right opens nothing, and is told from a right one by nothing but that', async () => {
  const good = secretOf('good')
  const near = [
    ...Array.from(good.slice(6), (_, i) => {
      const at = 6 + i
      const swapped = good[at] === '0' ? '1' : '0'
      return good[at] === '-' ? '' : good.slice(0, at) + swapped + good.slice(at + 1)
    }),
    ...[good.slice(0, -1), `${good}0`, `${good} ${good}`, good.replaceAll('-', ''), good.slice(6)],
    ...[
      `sk-bf-${'0'.repeat(36)}`,
      'sk-bf-',
      `sk-bf-${'%'}`,
      `${good}%00`,
      `sk-bf-${'a'.repeat(2000)}`,
    ],
  ].filter((value) => value !== '' && value !== good)
  const before = stage.upstream.requests.length
  const told = await together(near.length, (i) => callAs(near[i] ?? ''))
  for (const [i, { status }] of told.entries()) assert.equal(status, 401, near[i])
  assert.equal(stage.upstream.requests.length, before)
  const messages = new Set(told.slice(0, 32).map(({ text }) => text.replace(/…[^,]*,/, '')))
  assert.equal(messages.size, 1, [...messages].join('\n'))
})

test('a key in a place that is none is not looked at', async () => {
  const good = secretOf('good')
  const places: readonly Fields[] = [
    { authorization: good },
    { authorization: `Basic ${good}` },
    { authorization: `Token ${good}` },
    { authorization: `Digest ${good}` },
    { 'proxy-authorization': `Bearer ${good}` },
    { cookie: `sluice_session=${good}; key=${good}` },
    { 'x-bf-key': good },
    { 'x-bf-api-key': good },
    { 'x-virtual-key': good },
    { api_key: good },
  ]
  for (const headers of places) {
    const { status } = await stage.call('', {}, headers)
    assert.equal(status, 401, JSON.stringify(Object.keys(headers)))
  }
  const { url } = stage.gateway
  for (const query of [`key=${good}`, `api-key=${good}`, `access_token=${good}`]) {
    const body = JSON.stringify({ model: 'up/m', messages: [{ role: 'user', content: 'x' }] })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/v1/chat/completions?${query}`, {
      method: 'POST',
      headers,
      body,
    })
    assert.equal(answer.status, 401)
    assert.ok(!(await answer.text()).includes(good))
  }
  assert.ok(!stage.gateway.stderr().includes(good), 'a key in an address stands in the log')
})

test('what decides is the first that looks like ours, and another one behind it changes nothing', async () => {
  const [good, other] = [secretOf('good'), secretOf('other')]
  const unknown = `sk-bf-${'9'.repeat(8)}-9999-4999-8999-${'9'.repeat(12)}`
  const statusOf = async (headers: Fields) => (await stage.call('', {}, headers)).status
  assert.equal(await statusOf({ 'x-bf-vk': unknown, authorization: `Bearer ${good}` }), 401)
  assert.equal(await statusOf({ 'x-bf-vk': good, authorization: `Bearer ${unknown}` }), 200)
  assert.equal(await statusOf({ authorization: `Bearer ${unknown}`, 'x-api-key': good }), 401)
  assert.equal(await statusOf({ authorization: 'Bearer sk-theirs', 'x-api-key': other }), 200)
})

test('G31 keys tried by the hundred are answered with 429 and a time to wait, and good ones with 200 throughout', async () => {
  const guesser = { 'x-forwarded-for': '203.0.113.7' }
  const wrong = (i: number) => `sk-bf-${String(i).padStart(8, '0')}-0000-4000-8000-000000000000`
  const told = await together(600, (i) => callAs(wrong(i), {}, guesser))
  const { '401 invalid_api_key': refused = 0, '429 login_throttled': throttled = 0 } = tally(told)
  assert.equal(refused + throttled, 600)
  assert.ok(refused >= 300 && refused <= 305, String(refused))
  const waiting = told.find(({ status }) => status === 429)
  assert.ok(Number(waiting?.headers['retry-after']) >= 1)
  // A caller behind the same address is not shut out, and guessers elsewhere have their own count.
  assert.equal((await stage.call('good', {}, guesser)).status, 200)
  assert.equal((await callAs(wrong(1), {}, { 'x-forwarded-for': '203.0.113.8' })).status, 401)
})

test('a key that is taken back while a stream runs ends nothing under way, is charged, and opens nothing more', async () => {
  const { path, value } = await create('revoked')
  const go = Promise.withResolvers<void>()
  stage.upstream.on('slow', [
    script.streamHead(),
    words(3).map((word) => script.event(word)),
    script.until(go.promise),
    answeredRest(),
  ])
  const before = stage.upstream.requests.length
  const under = callAs(value, { model: 'up/slow', stream: true })
  await eventually(() => stage.upstream.requests.length > before, 'a stream is under way')
  expectStatus(await ask(path, { method: 'DELETE' }), 200)
  assert.equal((await callAs(value)).code, 'invalid_api_key')
  go.resolve()
  const { status, text } = await under
  assert.equal(status, 200)
  assert.match(text, /data: \[DONE\]/)
  const books = await stage.booksWhen(({ lines }) => lines.some(({ model }) => model === 'slow'))
  assert.deepEqual(contradictions(books), [])
  assert.equal(books.lines.find(({ model }) => model === 'slow')?.outcome, 'answered')
})

function answeredRest(): script.Steps {
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' }
  const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
  return [
    script.event({ ...base, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    script.event({ ...base, choices: [], usage }),
    script.event('[DONE]'),
  ]
}

test('a key that is disabled is 403 at once and everywhere, and 200 at once when it is enabled again', async () => {
  const { path, value } = await create('switched')
  for (const [action, expected] of [
    ['disable', 403],
    ['enable', 200],
    ['disable', 403],
  ] as const) {
    expectStatus(await ask(`${path}/${action}`, { method: 'POST' }), 200)
    const told = await together(20, () => callAs(value))
    assert.deepEqual(new Set(told.map(({ status }) => status)), new Set([expected]))
  }
})

test('of changes and calls at the same time none leaves a key half changed', async () => {
  const { path, value } = await create('contested', { budget: { usd: '1000', per: '1d' } })
  const changes = together(
    20,
    async (i): Promise<unknown> =>
      i % 2
        ? await stage.call('good')
        : await ask(path, {
            method: 'PATCH',
            body: { budget: { usd: String(1000 + i), per: '1d' } },
          }),
  )
  const told = await together(60, () => callAs(value, { max_tokens: 100 }))
  await changes
  assert.deepEqual(tally(told), { 200: 60 })
  const books = await stage.booksWhen(
    ({ lines }) => lines.filter(({ key }) => key === 'contested').length === 60,
  )
  assert.deepEqual(contradictions(books), [])
  const spent = books.lines
    .filter(({ key }) => key === 'contested')
    .reduce((sum, { costNanos }) => sum + (costNanos ?? 0), 0)
  assert.equal(spent, 60 * 100 * nanosPerToken)
})

test('a key that ends is refused at its end, also on a connection that used it before', async () => {
  const ends = new Date(Date.now() + 1500).toISOString()
  const { value } = await create('ending', { expires_at: ends })
  assert.equal((await callAs(value)).status, 200)
  let last = await callAs(value)
  await eventually(async () => {
    last = await callAs(value)
    return last.status !== 200
  }, 'the key has ended')
  assert.equal(last.code, 'invalid_api_key')
  assert.ok(Date.now() >= Date.parse(ends))
  assert.match(errorOf({ body: JSON.parse(last.text) } as never).message, /expired at/)
})
