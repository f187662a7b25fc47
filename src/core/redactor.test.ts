import assert from 'node:assert/strict'
import test from 'node:test'
import { createRedactor } from './redactor.ts'

const redact = createRedactor(['my own "secret"', 'short', 'abcdefgh-longer', 'abcdefgh'])

test('what is configured is taken out, also as JSON writes it, and the longer of two that begin alike', () => {
  assert.equal(redact('x my own "secret" y'), 'x [redacted] y')
  assert.equal(redact(JSON.stringify({ a: 'my own "secret"' })), '{"a":"[redacted]"}')
  assert.equal(redact('abcdefgh-longer abcdefgh'), '[redacted] [redacted]')
})

test('a word too short to be a secret is left', () => {
  assert.equal(redact('a short story'), 'a short story')
})

test('what looks like a secret of others is taken out', () => {
  const jwt = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`
  for (const secret of [
    'sk-bf-0b7e7dee-5a1f-4a7c-8f5e-0d6f1c2e8b44',
    'sk-proj-abcdefghij0123456789',
    'sk-ant-api03-abcdefghij0123456789',
    `AIza${'x'.repeat(35)}`,
    'AKIAABCDEFGHIJKLMNOP',
    'ghp_abcdefghij0123456789abcdefghij012345',
    'xoxb-1234567890-abcdefghij',
    'Bearer abcdefghij0123456789',
    jwt,
    '-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----',
  ])
    assert.equal(redact(`before ${secret} after`), 'before [redacted] after', secret)
  assert.equal(redact('https://x/y?key=zyxwvutsrq&z=1'), 'https://x/y?key=[redacted]&z=1')
})

test('ordinary text stays as it is', () => {
  const text =
    'The task-list asks: is sky-blue a basic colour? Basic training, bearer of news. sk-1'
  assert.equal(redact(text), text)
})
