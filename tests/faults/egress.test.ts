import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { type TestContext, test } from 'node:test'
import { GatewayError } from '../../src/core/errors.ts'
import { fetchImages } from '../../src/transport/fetch-images.ts'
import { ManualClock } from '../support/manual-clock.ts'

// What a caller may try with a link, from outside: nothing of it reaches anything inside.

/** Listens on loopback and counts who comes: nobody should. */
async function canary(t: TestContext) {
  let hits = 0
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'image/png' }).end('\x89PNG\r\n\x1a\n', 'latin1')
  })
  server.on('connection', () => void hits++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, hits: () => hits }
}

async function attack(
  url: string,
  {
    lookup,
    allowPrivateNetwork = false,
  }: { lookup?: LookupFunction; allowPrivateNetwork?: boolean } = {},
): Promise<GatewayError> {
  try {
    await fetchImages(
      [{ url, param: 'messages[0].content[0].image_url.url' }],
      { maxBytes: 1000, maxCount: 1, timeoutMs: 5000, allowPrivateNetwork },
      { clock: new ManualClock(), take: () => {}, ...(lookup && { lookup }) },
      new AbortController().signal,
    )
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.code, 'invalid_request')
    assert.equal(thrown.facts.param, 'messages[0].content[0].image_url.url')
    return thrown
  }
  assert.fail(`${url} was fetched`)
}

/** Every name leads there. */
const leadingTo =
  (...addresses: string[]): LookupFunction =>
  (_, __, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

test('F02: metadata and link-local addresses are refused, also where the private network is allowed', async () => {
  for (const host of [
    '169.254.169.254',
    '169.254.170.2',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '0.0.0.0',
    '[::]',
  ])
    for (const allowPrivateNetwork of [false, true])
      await attack(`https://${host}/latest/meta-data`, { allowPrivateNetwork })
  for (const name of ['metadata.google.internal', 'instance-data.ec2.internal'])
    await attack(`https://${name}/`, {
      lookup: leadingTo('169.254.169.254'),
      allowPrivateNetwork: true,
    })
})

test('F03: no spelling of an inner address gets through', async (t) => {
  const { port, hits } = await canary(t)
  for (const host of [
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0x0.0x0.0x1',
    '0177.0.0.1',
    '017700000001',
    '127.0.0.1.',
    '127.0.0.01',
    '127。0。0。1',
    '①②⑦.⓪.⓪.①',
    '%31%32%37.0.0.1',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    'localhost',
    'localhost.',
    'LOCALHOST',
    'ｌｏｃａｌｈｏｓｔ',
  ])
    await attack(`https://${host}:${port}/`)
  assert.equal(hits(), 0)
})

test('F03: user names, other schemes and half a URL are refused before anything is looked up', async (t) => {
  const { port, hits } = await canary(t)
  const lookup: LookupFunction = () => assert.fail('looked up')
  for (const url of [
    `https://example.com@127.0.0.1:${port}/`,
    `https://user:pass@example.com/`,
    `http://example.com/`,
    'file:///etc/passwd',
    'ftp://127.0.0.1/x',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'javascript:alert(1)',
    'unix:/var/run/docker.sock',
    '//127.0.0.1/x',
    '/etc/passwd',
    'https://',
    '',
  ])
    await attack(url, { lookup })
  assert.equal(hits(), 0)
})

test('F04: a name that leads inside is refused, whatever else it leads to', async (t) => {
  const { port, hits } = await canary(t)
  for (const addresses of [
    ['127.0.0.1'],
    ['8.8.8.8', '127.0.0.1'],
    ['10.0.0.8'],
    ['::ffff:127.0.0.1'],
    ['::1'],
  ])
    await attack(`https://pictures.example:${port}/`, { lookup: leadingTo(...addresses) })
  assert.equal(hits(), 0)
})

test('F04: the address that was judged is the one that is connected to', async (t) => {
  const { port, hits } = await canary(t)
  let asked = 0
  const rebinding: LookupFunction = (name, options, callback) =>
    leadingTo(asked++ === 0 ? '127.0.0.1' : '169.254.169.254')(name, options, callback)
  const found = await fetchImages(
    [{ url: `http://rebinding.example:${port}/`, param: 'messages[0]' }],
    { maxBytes: 1000, maxCount: 1, timeoutMs: 5000, allowPrivateNetwork: true },
    { clock: new ManualClock(), take: () => {}, lookup: rebinding },
    new AbortController().signal,
  )
  assert.equal(found.size, 1)
  assert.equal(asked, 1)
  assert.equal(hits(), 1)
})

test('F05: a redirect is not followed, wherever it leads', async (t) => {
  const { port, hits } = await canary(t)
  for (const status of [301, 302, 303, 307, 308]) {
    const server = createServer((_, res) => {
      res.writeHead(status, { location: `http://127.0.0.1:${port}/` }).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const from = (server.address() as AddressInfo).port
    const error = await attack(`http://127.0.0.1:${from}/`, { allowPrivateNetwork: true })
    assert.match(error.message, /leads on to another one/)
    server.close()
  }
  assert.equal(hits(), 0)
})

test('F06: what may not be reached, is closed and does not exist cannot be told apart', async (t) => {
  const { port } = await canary(t)
  const unknown: LookupFunction = (_, __, callback) =>
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), [])
  const errors = [
    await attack(`https://127.0.0.1:${port}/`),
    await attack('https://intranet.example/', { lookup: leadingTo('10.0.0.8') }),
    await attack('https://no.example/', { lookup: unknown }),
    await attack('https://127.0.0.1:1/', { allowPrivateNetwork: true }),
  ]
  assert.equal(new Set(errors.map(({ message }) => message)).size, 1)
  for (const { message } of errors)
    assert.doesNotMatch(message, /127|10\.0|intranet|ENOTFOUND|refused/)
})
