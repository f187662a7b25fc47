import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { clientAddress, maskAddress } from './client-address.ts'

const request = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

test('the address is the one of the connection, and what a stranger forwards is not believed', () => {
  assert.equal(clientAddress(request('203.0.113.5'), []), '203.0.113.5')
  assert.equal(clientAddress(request('203.0.113.5', '198.51.100.1'), []), '203.0.113.5')
  assert.equal(clientAddress(request('203.0.113.5', '198.51.100.1'), ['10.0.0.1']), '203.0.113.5')
  assert.equal(clientAddress(request(undefined), []), '')
})

test('behind trusted proxies it is the last address that none of them is', () => {
  const trusted = ['10.0.0.1', '10.0.0.2']
  const through = (forwarded?: string): string =>
    clientAddress(request('10.0.0.1', forwarded), trusted)
  assert.equal(through('198.51.100.1'), '198.51.100.1')
  assert.equal(through('198.51.100.1, 10.0.0.2'), '198.51.100.1')
  // The first one is whatever the client claims.
  assert.equal(through('1.2.3.4, 198.51.100.1 , 10.0.0.2'), '198.51.100.1')
  assert.equal(through('10.0.0.2'), '10.0.0.1')
  assert.equal(through(''), '10.0.0.1')
  assert.equal(through(), '10.0.0.1')
})

test('an IPv4 address is the same whether it comes as IPv6 or not', () => {
  assert.equal(clientAddress(request('::ffff:203.0.113.5'), []), '203.0.113.5')
  assert.equal(
    clientAddress(request('::ffff:10.0.0.1', '::ffff:198.51.100.1'), ['10.0.0.1']),
    '198.51.100.1',
  )
  assert.equal(clientAddress(request('2001:db8::1'), []), '2001:db8::1')
})

test('a trusted range trusts each of its addresses, of its own family alone', () => {
  const trusted = ['10.1.0.0/16', '2001:db8::/32', '192.0.2.7']
  const from = (direct: string, forwarded: string): string =>
    clientAddress(request(direct, forwarded), trusted)
  assert.equal(from('10.1.255.254', '198.51.100.1'), '198.51.100.1')
  assert.equal(from('::ffff:10.1.0.9', '198.51.100.1'), '198.51.100.1')
  assert.equal(from('2001:db8:1::5', '198.51.100.1'), '198.51.100.1')
  assert.equal(from('192.0.2.7', '198.51.100.1'), '198.51.100.1')
  assert.equal(from('10.2.0.1', '198.51.100.1'), '10.2.0.1')
  assert.equal(from('192.0.2.8', '198.51.100.1'), '192.0.2.8')
  assert.equal(from('2001:db9::1', '198.51.100.1'), '2001:db9::1')
  assert.equal(from('10.1.0.1', '1.2.3.4, 198.51.100.1, 2001:db8::2, 10.1.9.9'), '198.51.100.1')
  // What is no address was written by nobody who is trusted.
  assert.equal(from('10.1.0.1', '198.51.100.1, unknown'), 'unknown')
})

test('a masked address is that of the network, of both kinds', () => {
  for (const [address, masked] of [
    ['192.0.2.77', '192.0.2.0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:db8::1', '2001:db8::'],
    ['::1', '::1'],
    ['', ''],
  ] as const)
    assert.equal(maskAddress(address), masked)
})
