import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type LookupFunction, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { buildConnector } from 'undici'
import { createGuardedConnector, type Reach, reachOf } from './egress-guard.ts'

const table: readonly (readonly [Reach, readonly string[]])[] = [
  [
    'public',
    ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1'],
  ],
  [
    'public',
    ['192.167.255.255', '169.253.255.255', '11.0.0.1', '223.255.255.255', '168.63.129.15'],
  ],
  ['public', ['2606:4700:4700::1111', '2a00:1450:4001:830::200e', '2001:4860:4860::8888']],
  ['public', ['::ffff:8.8.8.8', '::ffff:808:808', '64:ff9b::8.8.8.8']],
  ['private', ['127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255']],
  ['private', ['192.168.1.1', '100.64.0.1', '100.127.255.255', '198.18.0.1', '198.19.255.255']],
  ['private', ['::1', '0:0:0:0:0:0:0:1', 'fc00::1', 'fdff::1', 'fec0::1']],
  ['private', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:10.1.2.3', '64:ff9b::10.0.0.1']],
  ['private', ['64:ff9b::7f00:1', '0:0:0:0:0:ffff:c0a8:101']],
  [
    'never',
    ['169.254.169.254', '169.254.170.2', '169.254.0.1', '100.100.100.200', '168.63.129.16'],
  ],
  [
    'never',
    ['192.0.0.192', '0.0.0.0', '0.1.2.3', '255.255.255.255', '224.0.0.1', '239.255.255.250'],
  ],
  ['never', ['240.0.0.1', '192.0.2.1', '198.51.100.7', '203.0.113.9', '192.88.99.1']],
  [
    'never',
    ['::', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'ff02::1', 'fd00:ec2::254', 'fd20:ce::254'],
  ],
  [
    'never',
    ['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::169.254.169.254', '::ffff:0.0.0.0'],
  ],
  ['never', ['2002:7f00:1::', '2002:a9fe:a9fe::1', '2001::1', '2001:0:7f00:1::', '2001:db8::1']],
  [
    'never',
    ['::127.0.0.1', '::7f00:1', '64:ff9b:1::7f00:1', '100::1', '3fff::1', '5f00::1', '4000::1'],
  ],
  ['never', ['', 'localhost', '127.1', '2130706433', '0x7f.1', '1.2.3.4.5', 'example.com']],
]

for (const [reach, addresses] of table)
  test(`${addresses.join(', ')}: ${reach}`, () => {
    for (const address of addresses) assert.equal(reachOf(address), reach, address)
  })

async function listener(t: TestContext) {
  let reached = 0
  const server = createServer((socket) => {
    reached++
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: String((server.address() as AddressInfo).port), reached: () => reached }
}

/** Each look-up of a name gives the next of these. */
const answering = (...answers: readonly (readonly string[])[]): LookupFunction => {
  let n = 0
  return (_, __, callback) => {
    const found = answers[Math.min(n++, answers.length - 1)] ?? []
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
}

function open(
  connect: buildConnector.connector,
  hostname: string,
  port: string,
): Promise<{ readonly socket: Socket | null; readonly code: unknown }> {
  return new Promise((resolve) => {
    connect({ hostname, host: hostname, protocol: 'http:', port }, (error, socket) => {
      resolve({ socket, code: (error as NodeJS.ErrnoException | null)?.code })
    })
  })
}

const guarded = (lookup: LookupFunction, allowPrivateNetwork = false): buildConnector.connector =>
  createGuardedConnector({ timeout: 1000, autoSelectFamily: true }, { allowPrivateNetwork, lookup })

const forbidden = 'ERR_FORBIDDEN_ADDRESS'

test('a name that leads inside is not connected to', async (t) => {
  const { port, reached } = await listener(t)
  for (const found of [['127.0.0.1'], ['::ffff:127.0.0.1'], ['169.254.169.254'], []])
    assert.equal((await open(guarded(answering(found)), 'x.example', port)).code, forbidden)
  assert.equal(reached(), 0)
})

test('one forbidden address among several forbids the name', async (t) => {
  const { port, reached } = await listener(t)
  for (const found of [
    ['8.8.8.8', '127.0.0.1'],
    ['127.0.0.1', '8.8.8.8'],
  ])
    assert.equal((await open(guarded(answering(found)), 'x.example', port)).code, forbidden)
  assert.equal(reached(), 0)
})

test('what was looked up is what is connected to: a later answer changes nothing', async (t) => {
  const { port, reached } = await listener(t)
  let asked = 0
  const answer = answering(['127.0.0.1'], ['169.254.169.254'])
  const counting: LookupFunction = (name, options, callback) => {
    asked++
    answer(name, options, callback)
  }
  const connect = guarded(counting, true)
  const { socket } = await open(connect, 'x.example', port)
  assert.ok(socket)
  socket.destroy()
  assert.equal(asked, 1)
  assert.equal((await open(connect, 'x.example', port)).code, forbidden, 'and looked up anew')
  assert.equal(reached(), 1)
})

test('an address in place of a name is judged as well, in brackets too', async (t) => {
  const { port, reached } = await listener(t)
  const never: LookupFunction = () => assert.fail('there is nothing to look up')
  for (const host of ['127.0.0.1', '[::ffff:7f00:1]', '::1', '169.254.169.254'])
    assert.equal((await open(guarded(never), host, port)).code, forbidden, host)
  assert.equal(reached(), 0)
})

test('the private network by permission, and what is nobody’s place not even then', async (t) => {
  const { port } = await listener(t)
  const { socket } = await open(guarded(answering(['127.0.0.1']), true), 'x.example', port)
  assert.ok(socket)
  socket.destroy()
  for (const found of ['169.254.169.254', 'fd00:ec2::254', '0.0.0.0', '224.0.0.1'])
    assert.equal((await open(guarded(answering([found]), true), 'x.example', port)).code, forbidden)
})

test('a look-up that fails is told as it is', async () => {
  const failing: LookupFunction = (_, __, callback) =>
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), [])
  assert.equal((await open(guarded(failing), 'x.example', '80')).code, 'ENOTFOUND')
})
