import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { clientAddress } from './client-address.ts'

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
