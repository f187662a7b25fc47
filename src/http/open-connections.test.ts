import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { type RawClient, rawConnect } from '../../tests/support/raw-client.ts'
import { connectionsAtMost, OpenConnections } from './open-connections.ts'

test('there are connections for every call, and descriptors for the providers', () => {
  const usual = { plain: 2000, streams: 10_000 }
  assert.equal(connectionsAtMost(usual, null), 24_000)
  assert.equal(connectionsAtMost(usual, 1_048_576), 24_000)
  assert.equal(connectionsAtMost(usual, 1024), 590)
  assert.equal(connectionsAtMost(usual, 200), 96)
  assert.equal(connectionsAtMost(usual, 20), 8)
  assert.equal(connectionsAtMost({ plain: 1, streams: 1 }, null), 1000)
})

const servers: Server[] = []
after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function open(most: () => number): Promise<{ connections: OpenConnections; port: number }> {
  const server = createServer((_req, res) => res.end('ok'))
  servers.push(server)
  const connections = new OpenConnections()
  connections.watch(server, most)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { connections, port: (server.address() as AddressInfo).port }
}

const ask = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'

async function served(port: number): Promise<RawClient> {
  const client = await rawConnect(port)
  await client.write(ask)
  assert.equal((await client.response()).status, 200)
  return client
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

test('connections are counted while they last', async () => {
  const { connections, port } = await open(() => 10)
  const clients = [await served(port), await served(port)]
  assert.equal(connections.open, 2)
  assert.equal(connections.part, 0.2)
  for (const client of clients) client.destroy()
  await until(() => connections.open === 0)
})

test('beyond the most there is a reserve that is served, and beyond that nobody is let in', async () => {
  const { connections, port } = await open(() => 4)
  const clients: RawClient[] = []
  for (let n = 0; n < 12; n++) clients.push(await served(port))
  assert.equal(connections.part, 3)
  const late = await rawConnect(port)
  await late.closed
  assert.equal(connections.refused, 1)
  assert.equal(connections.open, 12)
  for (const client of [...clients, late]) client.destroy()
  await until(() => connections.open === 0)
  ;(await served(port)).destroy()
})

test('who is kept and does not ask gives way once there are as many as there may be', async () => {
  let most = 4
  const { connections, port } = await open(() => most)
  const clients: RawClient[] = []
  for (let n = 0; n < 4; n++) clients.push(await served(port))
  most = 5
  connections.look()
  assert.equal(connections.open, 4)
  most = 4
  connections.look()
  await Promise.all(clients.map(({ closed }) => closed))
  assert.equal(connections.open, 0)
  ;(await served(port)).destroy()
})

test('who has said nothing for two looks gives way as well, and who is new has time to speak', async () => {
  const { connections, port } = await open(() => 3)
  const speaking = await rawConnect(port)
  await speaking.write('GET / HTTP/1.1\r\nhost:')
  const silent = await rawConnect(port)
  await until(() => connections.open === 2)
  connections.look()
  connections.look()
  const late = await rawConnect(port)
  await until(() => connections.open === 3)
  assert.equal(connections.part, 1)
  connections.look()
  await silent.closed
  assert.equal(connections.open, 2)
  for (const [client, rest] of [
    [speaking, ' a\r\n\r\n'],
    [late, ask],
  ] as const) {
    await client.write(rest)
    assert.equal((await client.response()).status, 200)
    client.destroy()
  }
})
