import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { startGateway } from '../support/start-gateway.ts'
import { json } from '../support/upstream-script.ts'
import {
  ended,
  heldModel,
  jobPath,
  poll,
  repeatUntil,
  sampleReply,
  submit,
  submitted,
} from './job-client.ts'
import {
  adminPassword,
  ask,
  chat,
  configFor,
  envelopeOf,
  type HeaderList,
  keys,
  openStage,
  serverSettings,
  withKey,
} from './stage.ts'

const jobs = {
  concurrency: 1,
  queue_limit: 3,
  per_key_queue_limit: 2,
  max_body: '4KiB',
  max_result: '8KiB',
}

const small = await openStage({ front: true, changes: { jobs } })
after(() => small.close())
const one = await openStage({ front: true, changes: { jobs: { concurrency: 1 } } })
after(() => one.close())

describe('small limits', () => {
  const { gateway, upstream } = small

  test('a full queue refuses, and what is cancelled while it waits is never run', async () => {
    const held = heldModel(upstream)
    const running = await submitted(gateway, chat(held.model))
    await held.arrived()
    const waits = (credential: HeaderList) =>
      submit(gateway, chat('openai/async-waits'), [], credential)
    const [open, pinning] = [withKey(keys.open), withKey(keys.pinning)]
    const queued = [await waits(open), await waits(open)].map(({ headers }) => headers)
    assert.deepEqual(
      queued.map((headers) => headers['x-bf-async-status']),
      ['pending', 'pending'],
    )
    const full = await waits(open)
    assert.deepEqual([full.status, envelopeOf(full).error.code], [429, 'async_queue_full'])
    assert.match(envelopeOf(full).error.message, /"open".*jobs\.per_key_queue_limit/)
    assert.deepEqual([full.headers['x-should-retry'], full.headers['retry-after']], ['true', '1'])
    const other = await waits(pinning)
    assert.equal(other.status, 200)
    const fuller = await waits(pinning)
    assert.match(envelopeOf(fuller).error.message, /jobs\.queue_limit/)

    for (const headers of [...queued, other.headers]) {
      const path = jobPath(headers['x-bf-async-id'] ?? '')
      const owner = headers === other.headers ? pinning : open
      const cancelled = await ask(gateway, { method: 'DELETE', path, headers: owner })
      assert.partialDeepStrictEqual(cancelled.json(), {
        status: 'failed',
        error: { code: 'job_cancelled' },
      })
    }
    held.release()
    assert.equal((await ended(gateway, running)).status, 200)
    const next = await submitted(gateway, chat('openai/async-next'))
    assert.equal((await ended(gateway, next)).status, 200)
    assert.ok(!upstream.requests.some(({ model }) => model === 'async-waits'))
  })

  test('a body over jobs.max_body is refused at the submit, and is fine for a synchronous call', async () => {
    const body = chat('openai/async-large', { user: 'x'.repeat(5000) })
    const refused = await submit(gateway, body)
    assert.deepEqual([refused.status, envelopeOf(refused).error.code], [413, 'request_too_large'])
    assert.match(envelopeOf(refused).error.message, /jobs\.max_body/)
    assert.equal((await ask(gateway, { body })).status, 200)
  })

  test('a result over jobs.max_result is a failed job', async () => {
    upstream.on('async-long', json(200, { ...sampleReply, padding: 'x'.repeat(9000) }))
    const id = await submitted(gateway, chat('openai/async-long'))
    const failed = await ended(gateway, id)
    assert.deepEqual([failed.status, envelopeOf(failed).error.code], [502, 'result_too_large'])
    assert.equal(failed.headers['x-should-retry'], 'false')
  })
})

describe('what changes while a job waits', () => {
  const { gateway, upstream } = one
  const first = { ...configFor(upstream), jobs: { concurrency: 1 } }
  const status = async (key: string): Promise<number> =>
    (await ask(gateway, { path: '/v1/models', headers: withKey(key) })).status

  /** Puts it in force; `key` is one that is known before or after it alone. */
  async function reload(config: object, key: string): Promise<void> {
    const before = await status(key)
    writeFileSync(`${gateway.configFile}.new`, JSON.stringify(config))
    renameSync(`${gateway.configFile}.new`, gateway.configFile)
    process.kill(gateway.pid, 'SIGHUP')
    await repeatUntil(
      () => status(key),
      (now) => now !== before,
    )
  }
  const newValue = 'sk-bf-00000000-0000-4000-8000-000000000501'
  const withKeys = (list: readonly { readonly name: string; readonly value: string }[]) => ({
    ...first,
    virtual_keys: list,
  })

  test('a key with a new value reads the jobs of its old one, which nobody reads with the old', async () => {
    const id = await submitted(gateway, chat('demo/hello'))
    const { text } = await ended(gateway, id)
    await reload(withKeys([{ name: 'open', value: newValue }]), newValue)
    assert.equal((await poll(gateway, id)).status, 401)
    const rotated = await poll(gateway, id, withKey(newValue))
    assert.deepEqual([rotated.status, rotated.text], [200, text])
    await reload(first, keys.open)
    assert.equal((await poll(gateway, id, withKey(keys.open))).status, 200)
  })

  test('a key that is switched off reads nothing, and its jobs are not run', async () => {
    const held = heldModel(upstream)
    const blocker = await submitted(gateway, chat(held.model), [], withKey(keys.pinning))
    await held.arrived()
    const id = await submitted(gateway, chat('openai/async-revoked'))
    const on = first.virtual_keys
    const off = on.map((key) => (key.name === 'open' ? { ...key, enabled: false } : key))
    await reload(withKeys(off), keys.open)
    const refused = await poll(gateway, id)
    assert.deepEqual([refused.status, envelopeOf(refused).error.code], [403, 'key_disabled'])
    held.release()
    assert.equal((await ended(gateway, blocker, withKey(keys.pinning))).status, 200)
    await reload(withKeys(on), keys.open)
    const failed = await ended(gateway, id)
    assert.deepEqual([failed.status, envelopeOf(failed).error.code], [403, 'key_revoked'])
    assert.ok(!upstream.requests.some(({ model }) => model === 'async-revoked'))
  })

  test('a job whose provider is gone fails as the call would be refused', async () => {
    const held = heldModel(upstream)
    const blocker = await submitted(gateway, chat(held.model))
    await held.arrived()
    const id = await submitted(gateway, chat('local/async-gone'))
    const marker = { name: 'marker', value: newValue }
    const { local: _gone, ...providers } = first.providers
    await reload({ ...first, providers, virtual_keys: [...first.virtual_keys, marker] }, newValue)
    const sync = await ask(gateway, { body: chat('local/async-gone') })
    held.release()
    assert.equal((await ended(gateway, blocker)).status, 200)
    const failed = await ended(gateway, id)
    assert.equal(failed.headers['x-bf-async-status'], 'failed')
    assert.equal(envelopeOf(failed).error.code, 'model_not_found')
    assert.deepEqual([failed.status, failed.text], [sync.status, sync.text])
  })
})

test('jobs and their results outlive the process, also one that was at work', async () => {
  const { upstream } = one
  const first = await startGateway({ config: configFor(upstream) })
  const done = await submitted(first, chat('demo/hello'))
  const { text } = await ended(first, done)
  const held = heldModel(upstream)
  const running = await submitted(first, chat(held.model))
  await held.arrived()
  await first.kill()
  await using second = await first.restart()
  assert.deepEqual(
    [(await poll(second, done)).status, (await poll(second, done)).text],
    [200, text],
  )
  await held.arrived()
  assert.equal((await poll(second, running)).headers['x-bf-async-status'], 'processing')
  held.release()
  assert.match((await ended(second, running)).text, /"Done\."/)
})

test('callers without a key read their jobs by the id alone, and list none', async () => {
  await using gateway = await startGateway({
    config: {
      version: 1,
      server: serverSettings,
      auth: { inference: 'optional', admin: { password: adminPassword } },
      providers: { demo: {} },
      virtual_keys: [{ name: 'open', value: keys.open }],
    },
  })
  const [nobodys, keyed] = [
    await submitted(gateway, chat('demo/hello'), [], []),
    await submitted(gateway, chat('demo/hello')),
  ]
  assert.equal((await ended(gateway, nobodys, [])).status, 200)
  assert.equal((await ended(gateway, keyed)).status, 200)
  assert.equal((await poll(gateway, nobodys, withKey(keys.open))).status, 404)
  assert.equal((await poll(gateway, keyed, [])).status, 404)
  const list = await ask(gateway, { path: '/v1/async/jobs', headers: [] })
  assert.deepEqual([list.status, envelopeOf(list).error.code], [403, 'forbidden'])
})

test('the body of a job whose submit is held back takes no memory from other calls', async () => {
  const { upstream } = one
  const large = { user: 'x'.repeat(700_000) }
  await using gateway = await startGateway({
    config: {
      ...configFor(upstream),
      server: { ...serverSettings, max_body: '1MiB', max_buffered: '1MiB' },
    },
  })
  const held = heldModel(upstream)
  const waiting = submit(gateway, chat(held.model, large), [['x-bf-async-wait', '60']])
  await held.arrived()
  const room = heldModel(upstream)
  const plain = ask(gateway, { body: chat(room.model, large) })
  const arrived = room.arrived().then(() => 'arrived' as const)
  assert.equal(await Promise.race([arrived, plain.then(({ text }) => text)]), 'arrived')
  // There is room for this one and no more.
  assert.equal((await ask(gateway, { body: chat('demo/hello', large) })).status, 503)
  room.release()
  assert.equal((await plain).status, 200)
  held.release()
  assert.equal((await waiting).headers['x-bf-async-status'], 'completed')
})

test('a drain answers those who wait for a job at once', async () => {
  const { upstream } = one
  const gateway = await startGateway({
    config: { ...configFor(upstream), server: { drain: { delay: '0s', grace: '600s' } } },
  })
  const held = heldModel(upstream)
  const id = await submitted(gateway, chat(held.model))
  await held.arrived()
  const waiting = poll(gateway, id, [...withKey(keys.open), ['x-bf-async-wait', '60']])
  await repeatUntil(
    () => ask(gateway, { path: '/metrics', headers: [] }),
    ({ text }) => /^sluice_inflight_requests 1$/m.test(text),
  )
  process.kill(gateway.pid, 'SIGINT')
  const answer = await waiting
  assert.deepEqual([answer.status, answer.headers['x-bf-async-status']], [200, 'processing'])
  held.release()
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
  await using again = await gateway.restart()
  assert.match((await ended(again, id)).text, /"Done\."/)
})
