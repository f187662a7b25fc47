import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import OpenAI from 'openai'
import { rawConnect } from '../support/raw-client.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json, reply } from '../support/upstream-script.ts'
import {
  ended,
  heldModel,
  poll,
  repeatUntil,
  sampleReply,
  submit,
  submitted,
  uuid4,
} from './job-client.ts'
import { callRecord, logLine } from './log-lines.ts'
import { type Flavour, flavoursOf } from './openai-sdk-suite.ts'
import {
  type Ask,
  adminBasic,
  ask,
  chat,
  envelopeOf,
  keys,
  requestBytes,
  type Stage,
  withKey,
} from './stage.ts'

/** Chat calls that are made later: every row of the table that callers rely on. */
export function asyncSuite(stage: Stage): void {
  answers(stage)
  refusals(stage)
  polls(stage)
  for (const flavour of flavoursOf(stage))
    describe(`the documented loop with ${flavour.name}`, () => documentedLoop(stage, flavour))
}

function answers({ gateway, upstream }: Stage): void {
  test('a job is told of as a completion without choices, until it is its result to the byte', async () => {
    const odd =
      '{ "choices":[{"index":0,"message":{"role":"assistant","content":"\\u00e9"},\n "finish_reason" : "stop"}],"object":"chat.completion", "id":"x","created":1,"model":"odd","n":1.10000000000000000001,"z":{} }'
    const held = heldModel(upstream, reply(200, odd, { 'content-type': 'application/json' }))
    const before = Math.floor(Date.now() / 1000)
    const accepted = await submit(gateway, chat(held.model))
    const id = accepted.headers['x-bf-async-id'] ?? ''
    assert.match(id, uuid4)
    assert.equal(accepted.status, 200)
    assert.equal(accepted.headers['x-bf-async-status'], 'pending')
    assert.equal(accepted.headers['retry-after'], '1')
    assert.equal(accepted.headers['x-bf-async-job-result-ttl'], '3600')
    const { created, ...shape } = accepted.json() as { created: number }
    assert.deepEqual(shape, { id, object: 'chat.completion', model: held.model, choices: [] })
    assert.ok(created >= before && created <= Date.now() / 1000)

    await held.arrived()
    const running = await poll(gateway, id)
    assert.deepEqual([running.status, running.json()], [200, accepted.json()])
    assert.equal(running.headers['x-bf-async-status'], 'processing')
    assert.equal(running.headers['retry-after'], '1')

    held.release()
    const done = await ended(gateway, id)
    assert.deepEqual([done.status, done.text], [200, odd])
    assert.equal(done.headers['x-bf-async-status'], 'completed')
    assert.equal(done.headers['retry-after'], undefined)
    assert.equal((await poll(gateway, id)).text, odd)
  })

  test('x-bf-async: false is an ordinary call', async () => {
    const headers = [...withKey(keys.open), ['x-bf-async', 'false']] as const
    const answer = await ask(gateway, { headers, body: chat('demo/hello') })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['x-bf-async-id'], undefined)
    assert.notDeepEqual((answer.json() as { choices: object[] }).choices, [])
  })

  test('what reaches the provider is what a synchronous call would send', async () => {
    const body =
      '{"messages":[{"role":"user","content":"hi"}], "zebra":1,"model":"openai/async-bytes"}'
    const seen = []
    for (const send of [
      () => submitted(gateway, body, [['openai-beta', 'b=1']]),
      () => ask(gateway, { headers: [...withKey(keys.open), ['openai-beta', 'b=1']], body }),
    ]) {
      await send()
      const request = await upstream.next(({ model }) => model === 'async-bytes')
      seen.push([request.body.toString(), request.path, request.rawHeaders])
    }
    assert.deepEqual(seen[0], seen[1])
  })

  for (const [status, error] of [
    [400, openaiError('too long', { code: 'context_length_exceeded', param: 'messages' })],
    [429, openaiError('slow down', { type: 'requests' })],
    [500, openaiError('broken', { type: 'server_error' })],
  ] as const)
    test(`a job that the provider failed with ${status} is answered as the call would have been`, async () => {
      const name = `async-fails-${status}`
      upstream.on(name, json(status, error))
      const sync = await ask(gateway, { body: chat(`openai/${name}`) })
      const id = await submitted(gateway, chat(`openai/${name}`))
      const failed = await ended(gateway, id)
      assert.deepEqual([failed.status, failed.text], [sync.status, sync.text])
      assert.equal(failed.headers['x-bf-async-status'], 'failed')
      assert.equal(failed.headers['x-should-retry'], 'false')
      assert.equal(failed.headers['retry-after'], undefined)
      envelopeOf(failed)
    })

  test('a result is kept as long as asked, within the maximum, from its end', async () => {
    const ttl = (seconds: string) =>
      submit(gateway, chat('demo/hello'), [['x-bf-async-job-result-ttl', seconds]])
    for (const [asked, effective] of [
      ['60', '60'],
      ['604800', '604800'],
      ['9999999999999', '604800'],
    ] as const)
      assert.equal((await ttl(asked)).headers['x-bf-async-job-result-ttl'], effective)
    const id = (await ttl('1')).headers['x-bf-async-id'] ?? ''
    const done = await ended(gateway, id)
    const expired = await repeatUntil(
      () => poll(gateway, id),
      ({ status }) => status !== 200,
    )
    assert.equal(done.status, 200)
    assert.equal(envelopeOf(expired).error.code, 'job_not_found')
  })

  test('an answer is held until the job is done, on submit and on poll', async () => {
    const wait = [['x-bf-async-wait', '10']] as const
    const held = heldModel(upstream)
    const both = submit(gateway, chat(held.model), wait)
    await held.arrived()
    held.release()
    const answer = await both
    assert.equal(answer.headers['x-bf-async-status'], 'completed')
    assert.equal(answer.headers['x-bf-async-job-result-ttl'], '3600')
    assert.match(answer.text, /"Done\."/)
    upstream.on('async-wait-fails', json(400, openaiError('no')))
    const failed = await submit(gateway, chat('openai/async-wait-fails'), wait)
    assert.deepEqual([failed.status, failed.headers['x-bf-async-status']], [400, 'failed'])
  })

  test('when the time to wait is over the job goes on', async () => {
    const held = heldModel(upstream)
    const id = await submitted(gateway, chat(held.model), [['x-bf-async-wait', '1']])
    const waited = await poll(gateway, id, [...withKey(keys.open), ['x-bf-async-wait', '1']])
    assert.equal(waited.headers['x-bf-async-status'], 'processing')
    held.release()
    assert.equal((await ended(gateway, id)).status, 200)
  })

  test('a client that leaves while it waits is let go at once, and the job goes on', async () => {
    const held = heldModel(upstream)
    const id = await submitted(gateway, chat(held.model))
    await held.arrived()
    const client = await rawConnect(gateway.port)
    const label = `leaves ${id}`
    await client.write(
      requestBytes({
        method: 'POST',
        headers: [
          ...withKey(keys.open),
          ['x-bf-async-id', id],
          ['x-bf-async-wait', '60'],
          ['x-request-id', label],
        ],
      }),
    )
    await repeatUntil(
      () => ask(gateway, { path: '/metrics', headers: [] }),
      ({ text }) => /^sluice_inflight_requests 1$/m.test(text),
    )
    client.destroy()
    const record = await logLine(gateway, (line) => line['request'] === label)
    assert.equal(record['error'], 'client_closed')
    assert.ok(Number(record['duration_ms']) < 10_000)
    held.release()
    assert.equal((await ended(gateway, id)).status, 200)
  })

  test('submits and polls leave a record each that names the job', async () => {
    const accepted = await submit(gateway, chat('demo/hello'))
    const id = accepted.headers['x-bf-async-id'] ?? ''
    const polled = await ended(gateway, id)
    for (const [answer, step] of [
      [accepted, 'submit'],
      [polled, 'poll'],
    ] as const) {
      const record = await callRecord(gateway, answer.headers['x-sluice-call-id'] ?? '')
      assert.equal(record['job'], id)
      assert.equal(record['step'], step)
      assert.equal(record['status'], 200)
      assert.equal(record['input_tokens'], undefined)
    }
  })
}

function refusals({ gateway, upstream }: Stage): void {
  test('a header that is not what it must be is refused, by its name', async () => {
    for (const [name, values] of [
      ['x-bf-async', ['', 'True', '1', 'yes', 'true, true']],
      ['x-bf-async-job-result-ttl', ['', '0', '-1', '1.5', 'soon']],
      ['x-bf-async-wait', ['', '0', '61', '1.5', 'soon']],
      ['x-bf-async-on-interrupt', ['', 'Fail', 'ignore']],
      ['Idempotency-Key', ['', 'x'.repeat(256), 'caf\u00e9']],
    ] as const)
      for (const value of values) {
        const headers = [...withKey(keys.open), ['x-bf-async', 'true'], [name, value]] as const
        const once = headers.filter(
          ([each], at) => each !== 'x-bf-async' || name !== each || at > 1,
        )
        const refused = envelopeOf(await ask(gateway, { headers: once, body: chat('demo/hello') }))
        assert.deepEqual(
          [refused.status_code, refused.error.param],
          [400, name],
          `${name}: ${value}`,
        )
        assert.equal(refused.error.code, 'invalid_request')
      }
  })

  test('a header that is sent twice is refused', async () => {
    for (const [name, value] of [
      ['x-bf-async', 'true'],
      ['x-bf-async-job-result-ttl', '60'],
      ['x-bf-async-wait', '1'],
      ['x-bf-async-on-interrupt', 'fail'],
      ['Idempotency-Key', 'twice'],
    ] as const) {
      const answer = await submit(gateway, chat('demo/hello'), [
        [name, value],
        [name, value],
      ])
      assert.deepEqual([answer.status, envelopeOf(answer).error.param], [400, name])
    }
  })

  test('what a synchronous call is refused for is refused at the submit, with the same answer', async () => {
    const open = withKey(keys.open)
    for (const [credential, body] of [
      [[], chat('demo/hello')],
      [withKey(keys.unknown), chat('demo/hello')],
      [withKey(keys.disabled), chat('demo/hello')],
      [withKey(keys.expired), chat('demo/hello')],
      [withKey(keys.narrow), chat('demo/hello')],
      [open, '{"model":'],
      [open, { model: 'demo/hello' }],
      [open, chat('demo/hello', { temperature: 'hot' })],
      [open, chat('nowhere/x')],
      [open, chat('demo/hello', { fallbacks: ['nowhere/x'] })],
      [[...open, ['x-bf-api-key', 'main']], chat('openai/x')],
      [[...open, ['content-type', 'text/plain']], chat('demo/hello')],
    ] as const) {
      const sync = await ask(gateway, { headers: credential, body })
      const refused = await submit(gateway, body, [], credential)
      assert.ok(sync.status >= 400, sync.text)
      assert.deepEqual([refused.status, refused.text], [sync.status, sync.text])
      assert.equal(refused.headers['x-bf-async-id'], undefined)
    }
  })

  test('a stream cannot be a job', async () => {
    const answer = await submit(gateway, chat('openai/async-stream', { stream: true }))
    assert.deepEqual([answer.status, envelopeOf(answer).error.param], [400, 'stream'])
    const plain = await submit(gateway, chat('demo/hello', { stream: false }))
    assert.equal(plain.status, 200)
    assert.ok(!upstream.requests.some(({ model }) => model === 'async-stream'))
  })
}

function polls({ gateway, upstream }: Stage): void {
  test('unknown, foreign and malformed ids are one answer, to the byte', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    await ended(gateway, id)
    const unknown = await poll(gateway, crypto.randomUUID())
    assert.equal(unknown.status, 404)
    assert.equal(envelopeOf(unknown).error.code, 'job_not_found')
    assert.equal(unknown.headers['x-should-retry'], 'false')
    const own = new Set(['x-request-id', 'x-sluice-call-id', 'openai-processing-ms', 'date'])
    const headersOf = ({ rawHeaders }: typeof unknown) =>
      rawHeaders.filter(([name]) => !own.has(name.toLowerCase()))
    for (const [asked, key] of [
      [id, keys.narrow],
      [id.slice(0, -1), keys.open],
      [`${id}0`, keys.open],
      ['', keys.open],
      ['%00', keys.open],
      [`${id}, ${id}`, keys.open],
      ['x'.repeat(5000), keys.open],
    ] as const) {
      const answer = await poll(gateway, asked, withKey(key))
      assert.deepEqual([answer.status, answer.text], [404, unknown.text], asked)
      assert.deepEqual(headersOf(answer), headersOf(unknown), asked)
    }
  })

  test('a poll needs a good key before anything is said', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    for (const [credential, status] of [
      [[], 401],
      [withKey(keys.unknown), 401],
      [withKey(keys.expired), 401],
      [withKey(keys.disabled), 403],
    ] as const)
      assert.equal((await poll(gateway, id, credential)).status, status)
  })

  test('the admin reads the job of any key, and an id in upper case is the same', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    const own = await ended(gateway, id)
    const admin = await poll(gateway, id.toUpperCase(), [['authorization', adminBasic]])
    assert.deepEqual([admin.status, admin.text], [200, own.text])
  })

  test('the id wins over every other header, and no body is looked at', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    const { text } = await ended(gateway, id)
    for (const [body, ...headers] of [
      [undefined],
      [{}],
      [chat('demo/hello', { stream: true }), ['x-bf-async', 'true']],
      ['{"model":', ['x-bf-async', 'nonsense']],
      ['a=b', ['content-type', 'application/x-www-form-urlencoded']],
      ['\u0000', ['content-encoding', 'nonsense']],
      [{}, ['x-bf-async-job-result-ttl', '-1'], ['idempotency-key', '']],
    ] as [Ask['body'], ...[string, string][]][]) {
      const answer = await ask(gateway, {
        method: 'POST',
        headers: [...withKey(keys.open), ['x-bf-async-id', id], ...headers],
        ...(body !== undefined && { body }),
      })
      assert.deepEqual([answer.status, answer.text], [200, text], JSON.stringify([body, headers]))
    }
  })

  test('the connection of a poll carries the next request, whatever the body was', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    await ended(gateway, id)
    const head = (id: string, more: string) =>
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${keys.open}\r\nx-bf-async-id: ${id}\r\n${more}\r\n`
    using client = await rawConnect(gateway.port)
    for (const [bytes, status] of [
      [head(id, ''), 200],
      [`${head(id, 'content-length: 9\r\n')}{"garbage`, 200],
      [`${head(id, 'content-length: 20000\r\n')}${'x'.repeat(20_000)}`, 200],
      [`${head(id, 'transfer-encoding: chunked\r\n')}5\r\nGET /\r\n0\r\n\r\n`, 200],
      [`${head(crypto.randomUUID(), 'content-length: 9\r\n')}{"garbage`, 404],
      [`${head('none', 'transfer-encoding: chunked\r\n')}2\r\n{}\r\n0\r\n\r\n`, 404],
    ] as const) {
      await client.write(bytes)
      assert.equal((await client.response()).status, status)
    }
    await client.write(head(id, 'content-length: 4\r\nexpect: 100-continue\r\n'))
    await client.readUntil('HTTP/1.1 100 Continue\r\n\r\n')
    await client.write('{}{}')
    assert.equal((await client.response()).status, 200)
    await client.write(requestBytes({ body: chat('demo/hello') }))
    assert.match((await client.response()).text, /Hello from Sluice/)
  })

  test('a job submitted on one address is found on every other', async () => {
    upstream.on('async-everywhere', json(200, { ...sampleReply, id: 'everywhere' }))
    const id = await submitted(gateway, chat('openai/async-everywhere'))
    const { text } = await ended(gateway, id)
    for (const path of [
      '/openai/v1/chat/completions',
      '/openai/chat/completions',
      '/chat/completions',
      '/openai/openai/deployments/any/chat/completions?api-version=2024-10-21',
      '/openai/deployments/any%2Fother/chat/completions',
    ]) {
      const answer = await poll(gateway, id, withKey(keys.open), path)
      assert.deepEqual([answer.status, answer.text], [200, text], path)
    }
  })
}

/** The loop of the guide, with no pause between its turns: the gateway holds each poll for a second instead. */
function documentedLoop({ upstream }: Stage, flavour: Flavour): void {
  const statuses: number[] = []
  const client = flavour.open({
    maxRetries: 2,
    fetch: async (...asked: Parameters<typeof fetch>) => {
      const answer = await fetch(...asked)
      statuses.push(answer.status)
      return answer
    },
  })
  const messages = [{ role: 'user' as const, content: 'one two' }]
  const loop = async (name: string) => {
    const body = { model: flavour.model(name), messages }
    let turns = 0
    const first = client.chat.completions.create(body, { headers: { 'x-bf-async': 'true' } })
    let { data, response } = await first.withResponse()
    const id = response.headers.get('x-bf-async-id') ?? ''
    assert.equal(data.id, id)
    assert.equal(data.model, body.model)
    while (data.choices.length === 0 && turns++ < 20)
      ({ data, response } = await client.chat.completions
        .create(body, { headers: { 'x-bf-async-id': data.id, 'x-bf-async-wait': '1' } })
        .withResponse())
    return { data, response, id }
  }

  test('ends with the answer', async () => {
    const { data, response, id } = await loop(`loop-${crypto.randomUUID()}`)
    assert.equal(data.choices[0]?.message.content, 'Echo: one two')
    assert.equal(data.usage?.total_tokens, 8)
    assert.equal(response.headers.get('x-bf-async-status'), 'completed')
    assert.equal(response.headers.get('x-bf-async-id'), id)
    assert.notEqual(data.id, id)
  })

  test('ends with an error where the job failed, and the client does not ask again', async () => {
    const name = `loop-fails-${crypto.randomUUID()}`
    upstream.on(name, json(500, openaiError('it broke', { type: 'server_error' })))
    await assert.rejects(
      loop(name),
      (error: unknown) =>
        error instanceof OpenAI.InternalServerError && /it broke/.test(error.message),
    )
    assert.equal(statuses.filter((status) => status === 500).length, 1)
  })
}
