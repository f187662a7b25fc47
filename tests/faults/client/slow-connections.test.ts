import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { type RawClient, rawConnect } from '../../support/raw-client.ts'
import { assertRefused, callerKey, chatPath, startRig } from './client-rig.ts'

const rig = await startRig()
after(() => rig.end())

const limitMs = 15_000
/** The limit is looked at once a second, and this machine may be busy. */
const slackMs = 5_000

const openMany = (count: number): Promise<RawClient[]> =>
  Promise.all(Array.from({ length: count }, () => rawConnect(rig.port)))

// What waits for a limit waits together.
suite('connections that do not get to their request', { concurrency: true }, () => {
  test('C12 heads that trickle in are refused at 15 s, all of them, and others are served meanwhile', async () => {
    const began = performance.now()
    const clients = await openMany(300)
    const head = `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${callerKey}\r\nx-slow: `
    let over = false
    const trickle = (async () => {
      for (const client of clients) await client.write(head)
      while (!over) {
        for (const client of clients) client.write('s').catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
    })()
    const answers = await Promise.all(clients.map((client) => client.response(limitMs + slackMs)))
    over = true
    const tookMs = performance.now() - began
    assert.ok(tookMs > limitMs - 1_000, `refused after ${tookMs} ms`)
    for (const answer of answers) {
      assertRefused(answer, 408, 'request_timeout')
      assert.equal(answer.headers['connection'], 'close')
      assert.equal(answer.headers['x-should-retry'], 'true')
    }
    await Promise.all(clients.map(({ closed }) => closed))
    for (const client of clients) client.destroy()
    await trickle
  })

  test('C14 connections on which nothing comes are closed at 15 s', async () => {
    const began = performance.now()
    const clients = await openMany(500)
    await Promise.all(clients.map((client) => client.response(limitMs + slackMs)))
    assert.ok(performance.now() - began > limitMs - 1_000)
    await Promise.all(clients.map(({ closed }) => closed))
    for (const client of clients) client.destroy()
  })

  test('C34 a burst of two thousand connections is taken, served and let go', async (t) => {
    const beforeKb = rig.gateway.rssKb()
    const began = performance.now()
    const clients = await openMany(2_000)
    const opened = performance.now() - began
    await Promise.all(
      clients.map(async (client) => {
        await client.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
        assert.equal((await client.response()).status, 200)
      }),
    )
    const grownKb = rig.gateway.rssKb() - beforeKb
    t.diagnostic(`2,000 connections in ${Math.round(opened)} ms, ${grownKb} KiB more memory`)
    assert.ok(grownKb < 2_000 * 64)
    for (const [index, client] of clients.entries()) {
      if (index % 2) client.rst()
      else client.destroy()
    }
  })

  test('C34 handshakes and garbage in a burst are refused one by one', async () => {
    const clients = await openMany(300)
    const hello = Buffer.from('1603010200010001fc0303', 'hex')
    await Promise.all(
      clients.map(async (client, index) => {
        const garbage = Buffer.from(Array.from({ length: 200 }, (_, at) => (at * 7 + index) % 256))
        await client.write(index % 2 ? hello : garbage)
        assertRefused(await client.response(), 400, 'invalid_request')
        await client.closed
        client.destroy()
      }),
    )
  })
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
