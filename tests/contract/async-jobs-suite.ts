import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errors } from 'typebox/value'
import { JobListSchema, JobSchema } from '../../src/api/job-schema.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json, reply } from '../support/upstream-script.ts'
import { ended, heldModel, jobPath, poll, submit, submitted, uuid4 } from './job-client.ts'
import {
  adminBasic,
  ask,
  chat,
  envelopeOf,
  type HeaderList,
  keys,
  type Stage,
  withKey,
} from './stage.ts'

interface JobWire {
  readonly id: string
  readonly status: string
  readonly created_at: string
  readonly completed_at?: string
  readonly expires_at?: string
  readonly status_code?: number
  readonly result?: object
  readonly error?: { readonly code: string | null }
}

const jobsPath = '/v1/async/chat/completions'
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** The routes that are for jobs alone, and what keeps a job from being run twice. */
export function asyncJobsSuite(stage: Stage): void {
  const { gateway } = stage
  const create = (model: string, more: HeaderList = []) =>
    ask(gateway, {
      path: jobsPath,
      headers: [...withKey(keys.open), ...more],
      body: chat(model),
    })
  const get = (id: string, more: HeaderList = withKey(keys.open)) =>
    ask(gateway, { path: jobPath(id), headers: more })
  const remove = (id: string, headers: HeaderList = withKey(keys.open)) =>
    ask(gateway, { method: 'DELETE', path: jobPath(id), headers })
  const waiting: HeaderList = [...withKey(keys.open), ['x-bf-async-wait', '10']]
  native(stage, create, get, waiting)
  cancelling(stage, get, remove)
  repeats(stage)
}

type Get = (id: string, headers?: HeaderList) => ReturnType<typeof ask>

function native(
  { gateway, upstream }: Stage,
  create: (model: string, more?: HeaderList) => ReturnType<typeof ask>,
  get: Get,
  waiting: HeaderList,
): void {
  test('a job of its own route is 202 until it is 200 with the result to the byte', async () => {
    const odd =
      '{ "choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}],\n "n" : 1.0}'
    const held = heldModel(upstream, reply(200, odd, { 'content-type': 'application/json' }))
    const accepted = await create(held.model, [['x-bf-async-job-result-ttl', '90']])
    const { id, ...rest } = accepted.json() as JobWire
    assert.match(id, uuid4)
    assert.equal(accepted.status, 202)
    assert.deepEqual(Object.keys(rest), ['status', 'created_at'])
    assert.equal(rest.status, 'pending')
    assert.match(rest.created_at, rfc3339)
    assert.equal(accepted.headers['location'], jobPath(id))
    assert.equal(accepted.headers['x-bf-async-id'], id)
    assert.equal(accepted.headers['x-bf-async-status'], 'pending')
    assert.equal(accepted.headers['x-bf-async-job-result-ttl'], '90')
    await held.arrived()
    const running = await get(id)
    assert.deepEqual([running.status, running.json()], [202, { id, ...rest, status: 'processing' }])
    assert.equal(running.headers['retry-after'], '1')
    held.release()
    const done = await get(id, waiting)
    assert.equal(done.status, 200)
    assert.ok(done.text.endsWith(`,"status_code":200,"result":${odd}}`), done.text)
    const { completed_at = '', expires_at = '', status } = done.json() as JobWire
    assert.equal(status, 'completed')
    assert.match(completed_at, rfc3339)
    assert.equal(Date.parse(expires_at) - Date.parse(completed_at), 90_000)
    // Both roads lead to the same job.
    assert.equal((await poll(gateway, id)).text, odd)
  })

  test('a failed job is 200 with its status and error inside', async () => {
    upstream.on('native-fails', json(429, openaiError('slow down', { type: 'requests' })))
    const accepted = await create('openai/native-fails')
    const { id } = accepted.json() as JobWire
    const answer = await get(id, waiting)
    const { error } = envelopeOf(await poll(gateway, id))
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['x-bf-async-status'], 'failed')
    assert.partialDeepStrictEqual(answer.json(), { id, status: 'failed', status_code: 429, error })
  })

  test('what is told of jobs has the form that is published', async () => {
    upstream.on('published-fails', json(400, openaiError('no')))
    const held = heldModel(upstream)
    const jobs = [
      await create(held.model),
      await create('demo/hello', [['x-bf-async-wait', '10']]),
      await create('openai/published-fails', [['x-bf-async-wait', '10']]),
    ]
    const told = jobs.map((answer) => answer.json() as JobWire)
    held.release()
    assert.deepEqual(
      told.map(({ status }) => status),
      ['pending', 'completed', 'failed'],
    )
    for (const job of told) assert.deepEqual(Errors(JobSchema, job), [])
    const headers = withKey(keys.open)
    const list = (await ask(gateway, { path: '/v1/async/jobs', headers })).json()
    assert.deepEqual(Errors(JobListSchema, list), [])
    assert.notDeepEqual(Errors(JobListSchema, { ...(list as object), data: [{}] }), [])
    assert.notDeepEqual(Errors(JobSchema, { ...told[0], status: 'cancelled' }), [])
  })

  test('a submit that waits long enough is answered with the finished job', async () => {
    const answer = await create('demo/hello', [['x-bf-async-wait', '10']])
    assert.deepEqual([answer.status, (answer.json() as JobWire).status], [200, 'completed'])
  })

  test('a stream, a bad body and a bad header are refused', async () => {
    for (const [body, headers, param] of [
      [chat('demo/hello', { stream: true }), [], 'stream'],
      [{ model: 'demo/hello' }, [], 'messages'],
      [chat('demo/hello'), [['x-bf-async-job-result-ttl', '0']], 'x-bf-async-job-result-ttl'],
    ] as const) {
      const answer = await ask(gateway, {
        path: jobsPath,
        headers: [...withKey(keys.open), ...headers],
        body,
      })
      assert.deepEqual([answer.status, envelopeOf(answer).error.param], [400, param])
    }
  })

  test('a body of no known type is refused as by a chat route, after the credential', async () => {
    for (const type of ['nonsense', '', 'text/plain']) {
      const send = (path: string, credential: HeaderList) =>
        ask(gateway, {
          path,
          headers: [...credential, ['content-type', type]],
          body: chat('demo/hello'),
        })
      const sync = await send('/v1/chat/completions', withKey(keys.open))
      const refused = await send(jobsPath, withKey(keys.open))
      assert.equal(sync.status, 415)
      assert.deepEqual([refused.status, refused.text], [415, sync.text], type)
      assert.equal((await send(jobsPath, [])).status, 401)
    }
    const path = jobPath(crypto.randomUUID())
    const headers: HeaderList = [...withKey(keys.open), ['content-type', 'nonsense']]
    assert.equal((await ask(gateway, { method: 'DELETE', path, headers, body: 'x' })).status, 404)
  })

  test('an id that is unknown, foreign or none is the same 404, to the byte', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    const { text, status } = await get(crypto.randomUUID())
    assert.equal(status, 404)
    for (const [asked, credential] of [
      [id, withKey(keys.narrow)],
      ['none', withKey(keys.open)],
      ['a/b', withKey(keys.open)],
      ['x'.repeat(3000), withKey(keys.open)],
    ] as const)
      assert.deepEqual(
        [(await get(asked, credential)).status, (await get(asked, credential)).text],
        [404, text],
        asked,
      )
    assert.equal((await get(id, [['authorization', adminBasic]])).headers['x-bf-async-id'], id)
  })
}

function cancelling(
  { gateway, upstream }: Stage,
  get: Get,
  remove: (id: string, headers?: HeaderList) => ReturnType<typeof ask>,
): void {
  test('cancelling a running job lets the provider go at once', async () => {
    const held = heldModel(upstream)
    const id = await submitted(gateway, chat(held.model))
    const request = await held.arrived()
    const waiting = ended(gateway, id)
    const cancelled = await remove(id)
    assert.equal(cancelled.status, 200)
    assert.equal(cancelled.headers['content-type'], 'application/json')
    assert.equal(cancelled.headers['x-bf-async-status'], 'failed')
    assert.partialDeepStrictEqual(cancelled.json(), {
      id,
      status: 'failed',
      status_code: 409,
      error: { code: 'job_cancelled' },
    })
    assert.match((await request.closed).how, /^(fin|rst)$/)
    const told = await waiting
    assert.deepEqual([told.status, envelopeOf(told).error.code], [409, 'job_cancelled'])
    assert.equal(told.headers['x-should-retry'], 'false')
    held.release()
    assert.equal((await get(id)).text, cancelled.text)
  })

  test('a finished job cannot be cancelled, and what is unknown or foreign is not found', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    const before = await ended(gateway, id)
    const again = await remove(id)
    assert.deepEqual([again.status, envelopeOf(again).error.code], [409, 'job_terminal'])
    assert.equal((await poll(gateway, id)).text, before.text)
    const unknown = await remove(crypto.randomUUID())
    assert.equal(envelopeOf(unknown).error.code, 'job_not_found')
    for (const [asked, credential] of [
      [id, withKey(keys.narrow)],
      ['none', withKey(keys.open)],
    ] as const) {
      const answer = await remove(asked, credential)
      assert.deepEqual([answer.status, answer.text], [404, unknown.text])
    }
    assert.equal((await remove(id, [])).status, 401)
  })

  test('another key cannot cancel a job, the admin can', async () => {
    const held = heldModel(upstream)
    const id = await submitted(gateway, chat(held.model))
    await held.arrived()
    assert.equal((await remove(id, withKey(keys.narrow))).status, 404)
    assert.equal((await poll(gateway, id)).headers['x-bf-async-status'], 'processing')
    assert.equal((await remove(id, [['authorization', adminBasic]])).status, 200)
    held.release()
  })
}

function repeats({ gateway, upstream }: Stage): void {
  const runs = (name: string) => upstream.requests.filter(({ model }) => model === name).length

  test('50 submits at once under one key are one job', async () => {
    const held = heldModel(upstream)
    const send = () => submit(gateway, chat(held.model), [['Idempotency-Key', held.name]])
    const answers = await Promise.all(Array.from({ length: 50 }, send))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal(new Set(answers.map(({ headers }) => headers['x-bf-async-id'])).size, 1)
    const isNew = answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)
    assert.equal(isNew.length, 1)
    await held.arrived()
    held.release()
    const id = answers[0]?.headers['x-bf-async-id'] ?? ''
    const done = await ended(gateway, id)
    // A repeat is told where the job stands now.
    const late = await send()
    assert.deepEqual([late.text, late.headers['x-bf-async-status']], [done.text, 'completed'])
    assert.equal(late.headers['idempotency-replayed'], 'true')
    assert.equal(runs(held.name), 1)
  })

  test('the key of one request is refused for another, and is free for other callers', async () => {
    const key = [['idempotency-key', 'one for one']] as const
    const id = await submitted(gateway, chat('demo/hello'), key)
    const other = await submit(gateway, chat('demo/hello', { seed: 1 }), key)
    assert.deepEqual([other.status, envelopeOf(other).error.code], [422, 'idempotency_key_reuse'])
    assert.equal(other.headers['x-should-retry'], 'false')
    const pinning = await submit(gateway, chat('demo/hello'), key, withKey(keys.pinning))
    assert.equal(pinning.headers['idempotency-replayed'], undefined)
    assert.notEqual(pinning.headers['x-bf-async-id'], id)
  })

  test('a repeat by an SDK is the job of before, and its first try never is', async () => {
    const body = chat('demo/hello', { user: crypto.randomUUID() })
    const count = (times: string) => submit(gateway, body, [['x-stainless-retry-count', times]])
    const [first, second, again] = [await count('0'), await count('0'), await count('1')]
    const ids = [first, second, again].map(({ headers }) => headers['x-bf-async-id'])
    assert.notEqual(ids[0], ids[1])
    assert.equal(ids[2], ids[1])
    assert.equal(again.headers['idempotency-replayed'], 'true')
    const other = await submit(gateway, chat('demo/hello', { user: crypto.randomUUID() }), [
      ['x-stainless-retry-count', '1'],
    ])
    assert.equal(other.headers['idempotency-replayed'], undefined)
  })

  test('jobs are listed to their owner, newest first, in pages', async () => {
    const owner = withKey(keys.pinning)
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.unshift(await submitted(gateway, chat('demo/hello'), [], owner))
    for (const id of ids) await ended(gateway, id, owner)
    const list = (query: string, headers: HeaderList = owner) =>
      ask(gateway, { path: `/v1/async/jobs${query}`, headers })
    const page = async (...asked: Parameters<typeof list>) =>
      (await list(...asked)).json() as { object: string; data: JobWire[]; has_more: boolean }
    const first = await page('?limit=2')
    assert.equal(first.object, 'list')
    assert.deepEqual([first.data.map(({ id }) => id), first.has_more], [ids.slice(0, 2), true])
    const rest = await page(`?limit=100&after=${ids[1]}`)
    assert.equal(rest.data[0]?.id, ids[2])
    assert.equal(rest.has_more, false)
    assert.partialDeepStrictEqual(first.data[0], {
      status: 'completed',
      model: 'demo/hello',
      status_code: 200,
      error_code: null,
    })
    assert.ok(!('result' in (first.data[0] ?? {})))
    assert.deepEqual((await page('?status=failed')).data, [])
    assert.equal((await page('?status=completed&limit=1')).data[0]?.id, ids[0])
    const others = await page('?limit=100', withKey(keys.forwarding))
    assert.ok(!others.data.some(({ id }) => ids.includes(id)))
    const all = await page('?limit=3', [['authorization', adminBasic]])
    assert.deepEqual(
      all.data.map(({ id }) => id),
      ids,
    )
    for (const [query, param] of [
      ['?limit=0', 'limit'],
      ['?limit=101', 'limit'],
      ['?limit=x', 'limit'],
      ['?limit=1&limit=2', 'limit'],
      ['?status=done', 'status'],
      ['?status=', 'status'],
      ['?after=x', 'after'],
    ] as const) {
      const answer = await list(query)
      assert.deepEqual([answer.status, envelopeOf(answer).error.param], [400, param], query)
    }
    assert.equal((await list('', [])).status, 401)
  })
}
