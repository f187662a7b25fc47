import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { callRecord, logLine } from '../../contract/log-lines.ts'
import {
  postBytes,
  type RawClient,
  type RawResponse,
  rawConnect,
} from '../../support/raw-client.ts'
import { startGateway } from '../../support/start-gateway.ts'
import { startUpstream } from '../../support/upstream.ts'
import { json, stall, streamHead } from '../../support/upstream-script.ts'

const MiB = 1024 * 1024
const large = { choices: [], pad: 'p'.repeat(24 * MiB) }
const upstream = await startUpstream()
upstream
  .on('held', stall())
  .on('held-stream', [streamHead(), stall()])
  .on('large', json(200, large))
const gateway = await startGateway({
  args: ['--log-format', 'json'],
  config: {
    version: 1,
    server: {
      drain: { delay: '0s', grace: '600s' },
      max_in_flight: { plain: 2, streams: 1 },
    },
    auth: { inference: 'optional' },
    providers: {
      openai: { keys: [{ name: 'main', value: 'sk-x' }], base_url: `${upstream.url}/v1` },
    },
  },
})
after(async () => {
  await gateway.kill()
  await gateway.stop()
  await upstream.stop()
})

const bytesOf = (model: string, stream: boolean): Buffer =>
  postBytes(
    '/v1/chat/completions',
    {},
    { model: `openai/${model}`, stream, messages: [{ role: 'user', content: 'hi' }] },
  )

async function ask(model: string, stream = false): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  await client.write(bytesOf(model, stream))
  return await client.response()
}

/** A call that its provider leaves without an answer. */
async function hold(stream = false): Promise<RawClient> {
  const client = await rawConnect(gateway.port)
  const model = stream ? 'held-stream' : 'held'
  await client.write(bytesOf(model, stream))
  await upstream.next((request) => request.model === model)
  return client
}

async function untilInFlight(calls: number): Promise<void> {
  const wanted = new RegExp(`^sluice_inflight_requests ${calls}$`, 'm')
  for (;;) {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    if (wanted.test(metrics)) return
  }
}

function assertFull({ status, headers, json }: RawResponse): void {
  assert.equal(status, 503)
  assert.equal((json() as { error: { code: string } }).error.code, 'overloaded')
  assert.equal(headers['connection'], 'close')
  assert.equal(headers['x-should-retry'], 'true')
  // Spread, so that those who were refused together do not come back together.
  assert.match(String(headers['retry-after']), /^[1-5]$/)
}

/** A call whose whole answer came from the provider, and whose client does not read it. */
async function leaveUnread(): Promise<RawClient> {
  const client = await rawConnect(gateway.port)
  await client.write(bytesOf('large', false))
  await client.readUntil((received) => received.length > 0)
  client.pause()
  return client
}

test('as many streams as there may be are served, beside them calls without, and one more is refused', async () => {
  const held = await hold(true)
  assertFull(await ask('one-stream-more', true))
  assert.equal((await ask('beside')).status, 200)
  held.destroy()
  await untilInFlight(0)
  assert.equal((await ask('next-stream', true)).status, 200)
})

test('as many calls without a stream as there may be are served, whatever streams there are', async () => {
  const stream = await hold(true)
  const held = [await hold(), await hold()]
  assertFull(await ask('one-more'))
  held[0]?.destroy()
  await untilInFlight(2)
  assert.equal((await ask('next')).status, 200)
  for (const client of [stream, ...held]) client.destroy()
  await untilInFlight(0)
  assert.deepEqual(
    upstream.requests.filter(({ model }) => model?.startsWith('one-')),
    [],
  )
})

test('an answer that its client does not read holds its place until it is read', async () => {
  const unread = await leaveUnread()
  const held = await hold()
  assertFull(await ask('one-more'))
  unread.resume()
  await unread.readUntil(() => unread.receivedBytes > 24 * MiB)
  await untilInFlight(1)
  assert.equal((await ask('next')).status, 200)
  held.destroy()
  unread.destroy()
  await untilInFlight(0)
})

test('a drain waits for a client that has not read its answer yet', async () => {
  using client = await rawConnect(gateway.port)
  await client.write(bytesOf('large', false))
  const head = (await client.readUntil((received) => received.includes('\r\n\r\n'))).toString(
    'latin1',
  )
  client.pause()
  const id = /^x-sluice-call-id: (\S+)/im.exec(head)?.[1] ?? ''
  // For the gateway's own part the call is through.
  await callRecord(gateway, id)
  const stopped = gateway.stop('SIGTERM')
  const { calls } = await logLine(
    gateway,
    ({ msg }) => msg === 'draining: closed to new connections',
  )
  assert.equal(calls, 1)
  client.resume()
  await client.readUntil((received) => received.subarray(-2).toString() === '"}')
  assert.ok(client.receivedBytes > 24 * MiB)
  await stopped
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
})
