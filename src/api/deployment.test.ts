import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { GatewayError } from '../core/errors.ts'
import { decodeDeployment, readApiVersion } from './deployment.ts'

const { assert: always, array, constantFrom, property } = fc

const refused = (param: string) => (error: unknown) =>
  error instanceof GatewayError && error.code === 'invalid_request' && error.facts.param === param

test('no deployment in the address is none', () => {
  assert.equal(decodeDeployment(null), null)
})

test('a deployment is decoded once', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['gpt-4o', 'gpt-4o'],
    ['chat', 'chat'],
    ['openai/gpt-4o', 'openai/gpt-4o'],
    ['openai%2Fgpt-4o', 'openai/gpt-4o'],
    ['a%252e%252e', 'a%2e%2e'],
    ['a%20b', 'a b'],
    ['a+b', 'a+b'],
    ['m%C3%BC', 'mü'],
    ['...', '...'],
    ['%3Fa%23b', '?a#b'],
    ['é'.repeat(256), 'é'.repeat(256)],
  ]
  for (const [encoded, name] of cases) assert.equal(decodeDeployment(encoded), name)
})

test('what could be more than a name is refused', () => {
  const bad = [
    '',
    '.',
    '..',
    '%2e%2e',
    'a/..',
    'a/./b',
    '../a',
    'a%2F..%2Fb',
    '/a',
    'a/',
    'a//b',
    'a%00',
    'a%0A',
    'a%7F',
    '%',
    '%zz',
    '%FF',
    '%C0%AF',
    'x'.repeat(513),
    'é'.repeat(257),
  ]
  for (const encoded of bad)
    assert.throws(() => decodeDeployment(encoded), refused('deployment-id'), encoded)
})

test('a name that is accepted cannot leave its place in an address, however it was spelled', () => {
  const parts = [
    '.',
    '..',
    '/',
    '%2e',
    '%2F',
    '%5c',
    '\\',
    '%',
    '%25',
    '%00',
    '?',
    '#',
    'a',
    ';',
    '@',
    ':',
  ]
  void always(
    property(array(constantFrom(...parts), { maxLength: 8 }), (pieces) => {
      let name: string
      try {
        name = decodeDeployment(pieces.join('')) ?? ''
      } catch (thrown) {
        return thrown instanceof GatewayError
      }
      const path = `/deployments/${encodeURIComponent(name)}/chat`
      return new URL(path, 'http://h').pathname === path
    }),
    { numRuns: 2_000 },
  )
})

test('the api-version is read from the query, and must look like one', () => {
  assert.equal(readApiVersion(''), null)
  assert.equal(readApiVersion('x=1'), null)
  assert.equal(readApiVersion('api-version='), null)
  assert.equal(readApiVersion('a=b&api-version=2024-10-21'), '2024-10-21')
  assert.equal(readApiVersion('api-version=2025-04-01-preview'), '2025-04-01-preview')
  assert.equal(readApiVersion('api-version=v1&api-version=v2'), 'v1')
  for (const version of ['a b', 'a%26b', '%0d%0ax', '../x', 'ü', 'v'.repeat(65)])
    assert.throws(() => readApiVersion(`api-version=${version}`), refused('api-version'), version)
})
