import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { type Presented, readCredentials } from './auth-header.ts'

/** A request as Node gives it: the first of two `authorization`, other repeated headers joined. */
function read(...lines: readonly (readonly [string, string])[]): Presented {
  const headers: Record<string, string> = {}
  for (const [name, value] of lines) {
    const key = name.toLowerCase()
    if (headers[key] === undefined) headers[key] = value
    else if (key !== 'authorization') headers[key] = `${headers[key]}, ${value}`
  }
  return readCredentials({ headers, rawHeaders: lines.flat() } as unknown as IncomingMessage)
}

test('a request without credentials presents none', () => {
  assert.deepEqual(read(['accept', '*/*']), { vk: null, basic: null, bearer: null, apiKeys: [] })
})

test('the scheme of Authorization may be written in any case, and others present nothing', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER'])
    assert.equal(read(['Authorization', `${scheme}  key `]).bearer, 'key')
  for (const scheme of ['Basic', 'bAsIc'])
    assert.equal(read(['Authorization', `${scheme} YTpi`]).basic, 'YTpi')
  for (const value of [
    '',
    'Bearer',
    'Bearer ',
    'Basic',
    'key',
    'Token key',
    'Bearerkey',
    'Digest a=b',
  ])
    assert.deepEqual(read(['Authorization', value]), {
      vk: null,
      basic: null,
      bearer: null,
      apiKeys: [],
    })
})

test('keys in headers of their own are presented in a fixed order, whatever the order they came in', () => {
  const lines = [
    ['x-goog-api-key', 'g'],
    ['api-key', 'a'],
    ['x-bf-vk', 'v'],
    ['X-Api-Key', 'x'],
  ] as const
  for (const order of [lines, lines.toReversed()])
    assert.deepEqual(read(...order), {
      vk: 'v',
      basic: null,
      bearer: null,
      apiKeys: [
        { header: 'x-api-key', value: 'x' },
        { header: 'api-key', value: 'a' },
        { header: 'x-goog-api-key', value: 'g' },
      ],
    })
})

test('an empty credential is none', () => {
  assert.deepEqual(read(['x-bf-vk', ''], ['x-api-key', '']).apiKeys, [])
  assert.equal(read(['x-bf-vk', '']).vk, null)
})

test('a credential that is sent twice is refused by the name of its header, however it is spelled', () => {
  for (const name of ['authorization', 'x-bf-vk', 'x-api-key', 'api-key', 'x-goog-api-key'])
    for (const [one, other] of [
      ['Bearer a', 'Bearer a'],
      ['Bearer a', ''],
      ['', 'Basic YTpi'],
    ] as const)
      assert.throws(
        () => read([name, one], [name.toUpperCase(), other]),
        (error: { code: string; facts: { param: string } }) =>
          error.code === 'invalid_request' && error.facts.param.toLowerCase() === name,
      )
})
