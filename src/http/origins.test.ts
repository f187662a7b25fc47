import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { allowOrigin, answerPreflight, isForeign } from './origins.ts'

const page = 'https://app.example.com'
const rules = { corsOrigins: [page], hosts: ['gateway.example.com'] }
const closed = { corsOrigins: null, hosts: [] }

const request = (headers: Record<string, string>, method = 'OPTIONS'): IncomingMessage =>
  ({ method, headers }) as unknown as IncomingMessage

function response(): {
  res: ServerResponse
  status: () => number
  headers: Record<string, string>
} {
  const headers: Record<string, string> = {}
  let status = 0
  const res = {
    setHeader: (name: string, value: string) => void Object.assign(headers, { [name]: value }),
    writeHead: (code: number, more: Record<string, string>) => {
      status = code
      Object.assign(headers, more)
    },
    end: () => undefined,
  }
  return { res: res as unknown as ServerResponse, status: () => status, headers }
}

test('an allowed page may read the answer and the headers of ours', () => {
  const { res, headers } = response()
  allowOrigin(request({ origin: page }), res, rules)
  assert.equal(headers['access-control-allow-origin'], page)
  assert.equal(headers['vary'], 'Origin')
  for (const name of ['x-request-id', 'x-sluice-call-id', 'retry-after', 'x-bf-async-id'])
    assert.ok(headers['access-control-expose-headers']?.split(', ').includes(name), name)
  assert.equal(headers['access-control-allow-credentials'], undefined)
})

test('other pages may not, and without allowed pages nothing is said at all', () => {
  for (const origin of ['https://evil.example', `${page}:444`, `${page}.evil.example`, 'null']) {
    const { res, headers } = response()
    allowOrigin(request({ origin }), res, rules)
    assert.deepEqual(headers, { vary: 'Origin' })
  }
  const { res, headers } = response()
  allowOrigin(request({ origin: page }), res, closed)
  allowOrigin(request({}), res, rules)
  assert.deepEqual(headers, {})
})

const asking = { origin: page, 'access-control-request-method': 'POST' }

test('a preflight of an allowed page is answered with the methods of the route and the headers it may send', () => {
  const { res, status, headers } = response()
  const asked = 'Authorization, X-BF-VK, x-stainless-lang, x-bf-eh-trace , x-evil, x-bf-Ü'
  const req = request({ ...asking, 'access-control-request-headers': asked })
  assert.equal(answerPreflight(req, res, rules, ['POST']), true)
  assert.equal(status(), 204)
  assert.equal(headers['access-control-allow-origin'], page)
  assert.equal(headers['access-control-allow-methods'], 'POST')
  const allowed = headers['access-control-allow-headers']?.split(', ') ?? []
  for (const name of [
    'authorization',
    'content-type',
    'x-api-key',
    'x-bf-vk',
    'x-stainless-lang',
    'x-bf-eh-trace',
  ])
    assert.ok(allowed.includes(name), name)
  for (const name of ['x-evil', 'x-bf-ü', '*']) assert.equal(allowed.includes(name), false, name)
})

test('what is no preflight of an allowed page is left to the router', () => {
  const others = [
    request(asking, 'POST'),
    request({ origin: page }),
    request({ 'access-control-request-method': 'POST' }),
    request({ ...asking, origin: 'https://evil.example' }),
  ]
  for (const req of others) {
    const { res, status, headers } = response()
    assert.equal(answerPreflight(req, res, rules, ['POST']), false)
    assert.equal(status(), 0)
    assert.deepEqual(headers, {})
  }
  const { res } = response()
  assert.equal(answerPreflight(request(asking), res, closed, ['POST']), false)
})

test('a request is foreign when it comes from another page or under another name', () => {
  const known = [
    '127.0.0.1',
    '127.0.0.1:8080',
    '127.9.9.9:1',
    'localhost:80',
    '[::1]:8080',
    '[::1]',
    '',
  ]
  for (const host of [...known, 'Gateway.Example.com:443'])
    assert.equal(isForeign(request({ host }), rules), false, host)
  assert.equal(isForeign(request({}), rules), false)
  assert.equal(isForeign(request({ host: 'localhost', origin: page }), rules), false)
  const foreign = [
    { host: 'evil.example' },
    { host: '127.0.0.1.evil.example' },
    { host: 'localhost.evil.example:80' },
    { host: '10.0.0.1:8080' },
    { host: 'gateway.example.com.evil' },
    { host: 'localhost', origin: 'https://evil.example' },
    { host: 'localhost', origin: 'null' },
  ]
  for (const headers of foreign)
    assert.equal(isForeign(request(headers), rules), true, JSON.stringify(headers))
  assert.equal(isForeign(request({ host: 'localhost', origin: page }), closed), true)
})
