import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { type RawClient, rawConnect } from '../../support/raw-client.ts'
import { startUpstream } from '../../support/upstream.ts'
import type { SeenRequest } from '../../support/upstream-request.ts'
import {
  event,
  forever,
  lastChunk,
  raw,
  readOn,
  stall,
  stopReading,
  streamHead,
  until,
  wait,
} from '../../support/upstream-script.ts'
import { callerKey, chatBytes, eventually, startRig } from './client-rig.ts'

const silentTls = await startUpstream({ tls: 'stall' })
const rig = await startRig({
  server: { max_body: '32MiB' },
  providers: {
    silent: {
      type: 'openai-compatible',
      base_url: `${silentTls.url}/v1`,
      timeouts: { connect: '2s' },
      retries: { max: 0 },
    },
  },
})
after(async () => {
  await rig.end()
  await silentTls.stop()
})

const delta = (content: string, finish: string | null = null): object => ({
  id: 'chatcmpl-gone',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gone',
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})
rig.upstream
  .on('quiet', stall())
  .on('begun', [
    streamHead(),
    event(delta('one')),
    event(delta(' two')),
    event(delta(' three')),
    stall(),
  ])
  .on('flooding', [
    streamHead(),
    forever(event(delta('x'.repeat(16_000))), { maxBytes: 64 * 1024 * 1024 }),
    stall(),
  ])
  .on('half-said', [streamHead(), event(delta('one')), raw('10\r\ndata: {"id'), stall()])
  .on('whole', [
    streamHead(),
    event(delta('one')),
    event(delta('', 'stop')),
    event('[DONE]'),
    lastChunk(),
  ])
  .on('slow-whole', [
    streamHead(),
    event(delta('one')),
    wait(30),
    event(delta('', 'stop')),
    lastChunk(),
  ])

let started = 0

/** A call under way at the upstream: its connection, what the upstream saw of it, and its request id. */
async function begin(
  model: string,
  fields: object = {},
): Promise<{ client: RawClient; seen: SeenRequest; id: string }> {
  const id = `gone-${++started}`
  const client = await rawConnect(rig.port)
  const sent = client.write(
    chatBytes({ model: `openai/${model}`, user: id, ...fields }, { 'x-request-id': id }),
  )
  const seen = await rig.upstream.next(
    (request) => request.field('user') === id || request.model === 'unread',
  )
  sent.catch(() => undefined)
  return { client, seen, id }
}

/** Every way in which a client can go; each ends its connection at once. */
const ways: Readonly<Record<string, (client: RawClient) => void>> = {
  'by FIN and going': (client) => client.destroy(),
  'by RST': (client) => client.rst(),
  'by FIN while it still reads': (client) => client.halfClose(),
}

async function assertAborted(seen: SeenRequest, id: string): Promise<Record<string, unknown>> {
  const { how } = await seen.closed
  assert.ok(how === 'fin' || how === 'rst', `the upstream saw ${how}`)
  const record = await rig.record(id)
  assert.equal(record['status'], 499)
  assert.equal(record['error'], 'client_closed')
  assert.equal((record['attempts'] as unknown[]).length, 1)
  return record
}

test('C15 a client that goes while its password is checked is found gone', async () => {
  const all = Array.from({ length: 6 }, async (_, index) => {
    const id = `hashing-${index}`
    const basic = Buffer.from(`proxy-${index}:x`).toString('base64')
    const headers = {
      authorization: `Basic ${basic}`,
      'x-api-key': callerKey,
      'x-request-id': id,
    }
    const client = await rawConnect(rig.port)
    await client.write(chatBytes({ model: 'openai/hashed' }, headers))
    client.rst()
    assert.equal((await rig.record(id))['status'], 499)
  })
  await Promise.all(all)
  assert.equal(rig.seen('hashed').length, 0)
})

for (const [way, leave] of Object.entries(ways)) {
  test(`C16 C19 a client that goes ${way} before the answer begins ends the call upstream`, async () => {
    for (const stream of [true, false]) {
      const { client, seen, id } = await begin('quiet', { stream })
      leave(client)
      const record = await assertAborted(seen, id)
      assert.equal(record['estimated'], true)
      assert.ok(Number(record['input_tokens']) > 0)
      assert.equal(record['output_tokens'], 0)
      client.destroy()
    }
  })

  test(`C17 C21 a client that goes ${way} in the middle of a stream ends it upstream, and what it got is metered`, async () => {
    const { client, seen, id } = await begin('begun', { stream: true })
    await client.readUntil(' three')
    leave(client)
    const record = await assertAborted(seen, id)
    assert.equal(record['estimated'], true)
    assert.equal(record['output_tokens'], seen.tokensEmitted)
    assert.ok(Number(record['bytes_out']) > 0)
    client.destroy()
  })
}

test('C17 a connection that the kernel kills in the middle of a stream ends it upstream', async (t) => {
  const { client, seen, id } = await begin('begun', { stream: true })
  await client.readUntil(' three')
  const filter = ['-K', 'dst', '127.0.0.1', 'dport', '=', String(client.localPort)]
  const killed = await promisify(execFile)('ss', filter).then(
    ({ stdout }) => stdout.includes(String(client.localPort)),
    () => false,
  )
  if (!killed) {
    client.destroy()
    await seen.closed
    t.skip('this machine does not let a test kill connections')
    return
  }
  await assertAborted(seen, id)
  client.destroy()
})

test('C18 a client that stops reading and goes ends the stream that waits for it', async () => {
  for (const leave of [ways['by RST'], ways['by FIN and going']]) {
    const { client, seen, id } = await begin('flooding', { stream: true })
    await client.readUntil('data:')
    client.pause()
    await untilParked(seen)
    leave?.(client)
    await assertAborted(seen, id)
  }
})

/** Nothing more leaves the upstream: every buffer on the way to the client is full. */
async function untilParked(seen: SeenRequest): Promise<void> {
  let before = -1
  let same = 0
  await eventually('the stream is parked', () => {
    same = seen.bytesSent === before ? same + 1 : 0
    before = seen.bytesSent
    return same >= 20
  })
}

test('C18 a client that goes while half an event is in hand ends the stream', async () => {
  const { client, seen, id } = await begin('half-said', { stream: true })
  await client.readUntil('one')
  client.rst()
  await assertAborted(seen, id)
})

test('C20 a client that goes after the last byte was served, not lost', async () => {
  const served = Object.values(ways).flatMap((leave) => [
    serveAndLeave('whole', true, leave),
    serveAndLeave('plain', false, leave),
  ])
  await Promise.all(served)
})

async function serveAndLeave(
  model: string,
  stream: boolean,
  leave: (client: RawClient) => void,
): Promise<void> {
  const { client, id } = await begin(model, { stream })
  assert.equal((await client.response()).complete, true)
  leave(client)
  const record = await rig.record(id)
  assert.equal(record['status'], 200)
  assert.equal(record['error'], undefined)
  client.destroy()
}

test('C20 going in the very moment of the end leaves one record, whichever came first', async () => {
  const rounds = Array.from({ length: 30 }, async (_, round) => {
    const { client, seen, id } = await begin('slow-whole', { stream: true })
    await client.readUntil('one')
    const end = performance.now() + 15 + round
    await eventually('the moment', () => performance.now() >= end)
    client.rst()
    await seen.closed
    await rig.record(id)
    return id
  })
  for (const id of await Promise.all(rounds)) assert.equal(rig.records(id).length, 1)
})

test('C22 a client that goes takes the requests waiting behind its first one with it', async () => {
  const client = await rawConnect(rig.port)
  const ids = ['first', 'second', 'third']
  await client.write(
    Buffer.concat(
      ids.map((id) => chatBytes({ model: 'openai/quiet' }, { 'x-request-id': `piped-${id}` })),
    ),
  )
  const seen = await Promise.all(ids.map(() => rig.upstream.next(({ model }) => model === 'quiet')))
  client.rst()
  await Promise.all(seen.map(({ closed }) => closed))
  for (const id of ids) assert.equal((await rig.record(`piped-${id}`))['status'], 499)
})

test('S05 the upstream sees within moments that the client has gone', async (t) => {
  const rounds = 100
  const tookMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { client, seen } = await begin('begun', { stream: true })
    await client.readUntil(' three')
    const at = performance.now()
    if (round % 2) client.rst()
    else client.destroy()
    tookMs.push((await seen.closed).at - at)
  }
  tookMs.sort((a, b) => a - b)
  const percentile = (share: number): string =>
    (tookMs[Math.ceil(rounds * share) - 1] ?? 0).toFixed(2)
  t.diagnostic(
    `${rounds} aborts of idle streams: p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms`,
  )
  assert.ok((tookMs.at(-1) ?? 0) < 2_000)
})

test('S06 a client that goes while the gateway still connects starts no request there', async () => {
  const id = 'connecting'
  const client = await rawConnect(rig.port)
  await client.write(chatBytes({ model: 'silent/x' }, { 'x-request-id': id }))
  await eventually('the gateway connects', () => silentTls.connections.open > 0)
  client.rst()
  assert.equal((await rig.record(id))['status'], 499)
  // The connection itself ends by the limit for connecting, and without a request: `finish` sees it gone.
  assert.equal(silentTls.connections.total, 1)
})

test('S06 a client that goes while its request is still being written upstream ends that', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  rig.upstream.on('unread', [stopReading(), until(released), readOn(), stall()], {
    afterBodyBytes: 1000,
  })
  const { client, seen, id } = await begin('unread', { pad: 'p'.repeat(24 * 1024 * 1024) })
  client.rst()
  assert.equal((await rig.record(id))['status'], 499)
  release()
  await assertAborted(seen, id)
  assert.ok(seen.bodyBytes < 24 * 1024 * 1024)
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
