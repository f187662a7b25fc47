import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'
import { finish, role, text, usageChunk } from './chunks.ts'
import { assertWholeStream } from './expect.ts'
import { eventually, openRig, type Rig } from './rig.ts'

let rig: Rig
let handshake: Upstream
before(async () => {
  handshake = await startUpstream({ tls: 'stall' })
  rig = await openRig({
    providers: {
      handshake: { base_url: `${handshake.url}/v1`, timeouts: { connect: '2s' } },
      narrow: { max_concurrency: 1 },
      'narrow-late': { max_concurrency: 1, timeouts: { first_byte: '1s' } },
    },
    growthMiB: 250,
  })
})
after(async () => {
  await rig.close()
  await handshake.stop()
})

const open = { done: false, end: false } as const
const leave = {
  rst: (client: RawClient) => client.rst(),
  fin: (client: RawClient) => client.destroy(),
  'half-close': (client: RawClient) => client.halfClose(),
} as const

/** The upstream's side of the call is over because the gateway closed it. */
async function assertClosed(model: string): Promise<void> {
  const request = await rig.upstream.next((request) => request.model === model)
  assert.match((await request.closed).how, /^(fin|rst)$/)
}

describe('a client that goes away', { concurrency: 6 }, () => {
  for (const [how, go] of Object.entries(leave)) {
    test(`S06: by ${how} before the head, plain and as a stream, closes the upstream`, async () => {
      for (const stream of [false, true]) {
        const model = `head-${how}-${stream}`
        rig.upstream.on(model, script.stall())
        using client = await rig.open(`up/${model}`, { stream })
        await eventually(
          () => rig.upstream.requests.some((one) => one.model === model),
          'a request',
        )
        go(client)
        await assertClosed(model)
        const record = await rig.record(client.label)
        assert.equal(record['error'], 'client_closed')
        assert.equal(record['status'], 499)
        assert.ok(Number(record['input_tokens']) > 0, 'what was sent may have been billed')
        assert.equal(record['estimated'], true)
      }
    })

    test(`S06: by ${how} in the middle of a plain reply closes the upstream`, async () => {
      const model = `body-${how}`
      const begun = Promise.withResolvers<void>()
      rig.upstream.on(model, [
        script.head(200, { 'content-length': '1000' }),
        script.raw('{"choices":'),
        script.until(begun.promise),
        script.stall(),
      ])
      using client = await rig.open(`up/${model}`)
      await eventually(() => rig.upstream.requests.some((one) => one.model === model), 'a request')
      begun.resolve()
      go(client)
      await assertClosed(model)
    })

    test(`S05 S07: by ${how} in the middle of a stream closes the upstream, and what was relayed is counted`, async () => {
      const model = `stream-${how}`
      const tokens = Array.from({ length: 40 }, (_, i) => text(`${i} `))
      rig.upstream.on(model, [script.sse([role, ...tokens], open), script.stall()])
      using client = await rig.open(`up/${model}`, { stream: true })
      await client.readUntil('"39 "')
      go(client)
      const request = await rig.upstream.next((request) => request.model === model)
      assert.match((await request.closed).how, /^(fin|rst)$/)
      const record = await rig.record(client.label)
      assert.equal(record['status'], 499)
      assert.equal(record['estimated'], true)
      const counted = Number(record['output_tokens'])
      assert.ok(
        Math.abs(counted - request.tokensEmitted) <= 2,
        `${counted} of ${request.tokensEmitted}`,
      )
    })
  }

  test('S06: while the connection is being made sends nothing and is charged nothing', async () => {
    const before = handshake.connections.total
    using client = await rig.open('handshake/x', { stream: true })
    await eventually(() => handshake.connections.total > before, 'a handshake')
    client.rst()
    const record = await rig.record(client.label)
    assert.equal(record['error'], 'client_closed')
    assert.equal(record['input_tokens'], undefined)
    assert.deepEqual(handshake.requests, [])
  })

  test('a call that is too late while it waits for a connection is 503 and charged nothing', async () => {
    const gate = Promise.withResolvers<void>()
    rig.upstream.on('late-first', [
      script.streamHead(),
      script.event(role),
      script.until(gate.promise),
      script.event(finish()),
      script.event('[DONE]'),
      script.lastChunk(),
    ])
    using first = await rig.open('narrow-late/late-first', { stream: true })
    await first.readUntil('"role"')
    using second = await rig.open('narrow-late/late-second')
    const response = await second.response()
    assert.equal(response.status, 503)
    assert.match(response.text, /"code":"overloaded"/)
    assert.equal(response.headers['x-should-retry'], 'true')
    assert.equal((await rig.record(second.label))['input_tokens'], undefined)
    gate.resolve()
    await first.readUntil('[DONE]')
    assert.ok(!rig.upstream.requests.some(({ model }) => model === 'late-second'))
  })

  test('S06: while the request is being written closes the upstream', async () => {
    const left = Promise.withResolvers<void>()
    rig.upstream.on(
      'upload',
      [script.stopReading(), script.until(left.promise), script.readOn(), script.stall()],
      { afterBodyBytes: 64 * 1024 },
    )
    using client = await rig.open('up/upload', { user: 'x'.repeat(24 * 1024 * 1024) })
    const request = await rig.upstream.next(({ model }) => model === 'upload')
    client.rst()
    // Only once the gateway knows: read on at once, the provider could have it all before the news arrives.
    assert.equal((await rig.record(client.label))['status'], 499)
    left.resolve()
    await request.closed
    assert.ok(request.bodyBytes < 24 * 1024 * 1024, 'the rest of the upload was given up')
  })

  test('S05: while the gateway waits for it to read closes the upstream', async () => {
    rig.upstream.on('parked', [
      script.streamHead(),
      script.forever(script.event(text('x'.repeat(16 * 1024))), { maxBytes: 256 * 1024 * 1024 }),
    ])
    using client = await rig.open('up/parked', { stream: true })
    await client.readUntil('xxx')
    client.pause()
    const request = await rig.upstream.next(({ model }) => model === 'parked')
    await standsStill(() => request.bytesSent)
    client.rst()
    assert.match((await request.closed).how, /^(fin|rst)$/)
    assert.equal((await rig.record(client.label))['status'], 499)
  })

  test('C20 S08: right behind [DONE] is a whole call with the usage of the provider, recorded once', async () => {
    rig.upstream.on('s08', script.sse([role, text('a'), finish(), usageChunk(70, 30)]))
    for (let i = 0; i < 20; i++) {
      using client = await rig.open('up/s08', { stream: true })
      await client.readUntil('[DONE]')
      client.rst()
      const record = await rig.record(client.label)
      assert.equal(record['status'], 200)
      assert.equal(record['output_tokens'], 30)
      assert.equal(record['estimated'], undefined)
    }
  })
})

describe('a client that waits for others', () => {
  test('S06: while it waits for a connection sends nothing, then or later', async () => {
    const gate = Promise.withResolvers<void>()
    rig.upstream.on('narrow-first', [script.until(gate.promise), script.json(200, { choices: [] })])
    using first = await rig.open('narrow/narrow-first')
    await rig.upstream.next(({ model }) => model === 'narrow-first')
    using second = await rig.open('narrow/narrow-second')
    await eventually(
      async () => /^sluice_inflight_requests 2$/m.test(await rig.metrics()),
      'two calls',
    )
    second.rst()
    const record = await rig.record(second.label)
    assert.equal(record['error'], 'client_closed')
    assert.equal(record['input_tokens'], undefined)
    gate.resolve()
    assert.equal((await first.response()).status, 200)
    assert.equal((await rig.call('narrow/narrow-third')).status, 200)
    assert.ok(!rig.upstream.requests.some(({ model }) => model === 'narrow-second'))
  })
})

describe('a client that reads slowly', () => {
  test('S01 S02: holds up its own stream, costs a bounded buffer and loses nothing', async () => {
    const piece = text('x'.repeat(16 * 1024))
    const times = 4096
    rig.upstream.on('s01', [
      script.streamHead(),
      script.event(role),
      script.repeat(times, script.event(piece)),
      script.event(finish()),
      script.event('[DONE]'),
      script.lastChunk(),
    ])
    const rssKb = rig.gateway.rssKb()
    using client = await rig.open('up/s01', { stream: true })
    await eventually(() => client.receivedBytes > 0, 'the first bytes')
    client.pause()
    const request = await rig.upstream.next(({ model }) => model === 's01')
    await standsStill(() => request.bytesSent)
    assert.ok(request.bytesSent < 40 * 1024 * 1024, `${request.bytesSent} bytes were taken`)
    assert.ok(rig.gateway.rssKb() - rssKb < 80 * 1024, `${rig.gateway.rssKb() - rssKb} KiB more`)
    assertWholeStream(await rig.stream('up/healthy-beside'))
    client.resume()
    const response = await client.response(30_000)
    assert.equal(response.complete, true)
    const events = response.body.toString('latin1').split('\n\n')
    assert.equal(events.length, times + 4)
    assert.equal(events.at(-2), 'data: [DONE]')
    const expected = `data: ${JSON.stringify(piece)}`
    assert.ok(events.slice(1, times + 1).every((each) => each === expected))
  })

  test('S04: twenty that read nothing at all cost their bounds, and others are served', async () => {
    rig.upstream.on('s04', [
      script.streamHead(),
      script.forever(script.event(text('x'.repeat(16 * 1024))), { maxBytes: 256 * 1024 * 1024 }),
    ])
    const rssKb = rig.gateway.rssKb()
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => rig.open('up/s04', { stream: true })),
    )
    for (const client of clients) client.pause()
    const requests = await Promise.all(
      clients.map(() => rig.upstream.next(({ model }) => model === 's04')),
    )
    await standsStill(() => requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0))
    assertWholeStream(await rig.stream('up/healthy-beside'))
    const grownMiB = (rig.gateway.rssKb() - rssKb) / 1024
    assert.ok(grownMiB < 120, `${grownMiB} MiB more`)
    for (const client of clients) client.rst()
    for (const request of requests) assert.match((await request.closed).how, /^(fin|rst)$/)
  })
})

/** Until a number that grows has not grown for a while. */
async function standsStill(read: () => number): Promise<void> {
  let last = -1
  let since = performance.now()
  await eventually(() => {
    const now = read()
    if (now !== last) since = performance.now()
    last = now
    return now > 0 && performance.now() - since > 300
  }, 'a stand-still')
}
