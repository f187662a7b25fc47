import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { readAsyncOrder, readPollOrder, readSubmitOrder } from './async-headers.ts'

const rules = { resultTtlMs: 3_600_000, maxResultTtlMs: 604_800_000 }
const usual = {
  kind: 'submit',
  ttlMs: 3_600_000,
  onInterrupt: 'rerun',
  idempotencyKey: null,
  isRepeat: false,
  waitMs: 0,
}

/** As Node tells of them: one string each, and apart once more. */
function sent(headers: Readonly<Record<string, string | readonly string[]>>) {
  const lists = Object.entries(headers).map(([name, value]) => [name, [value].flat()] as const)
  return {
    headers: Object.fromEntries(lists.map(([name, list]) => [name, list.join(', ')])),
    headersDistinct: Object.fromEntries(lists.map(([name, list]) => [name, [...list]])),
  }
}
const orderOf = (headers: Parameters<typeof sent>[0]) => readAsyncOrder(sent(headers), rules)
const submit = { 'x-bf-async': 'true' }

function refuses(headers: Parameters<typeof sent>[0], param: string): void {
  assert.throws(
    () => orderOf(headers),
    (error: unknown) =>
      error instanceof GatewayError &&
      error.code === 'invalid_request' &&
      error.facts.param === param,
    JSON.stringify(headers),
  )
}

test('a call that says nothing of jobs, or false, is an ordinary one whatever else it says', () => {
  assert.equal(orderOf({}), null)
  assert.equal(orderOf({ 'x-bf-async': 'false', 'x-bf-async-wait': 'soon' }), null)
  assert.equal(orderOf({ 'idempotency-key': '', 'x-bf-async-job-result-ttl': '-1' }), null)
})

test('x-bf-async is true or false in lower case, once', () => {
  assert.deepEqual(orderOf(submit), usual)
  for (const value of [
    '',
    'True',
    'TRUE',
    '1',
    'yes',
    'true,',
    ['true', 'true'],
    ['false', 'true'],
  ])
    refuses({ 'x-bf-async': value }, 'x-bf-async')
})

test('an id makes it a poll, whatever x-bf-async says', () => {
  for (const more of [{}, submit, { 'x-bf-async': 'nonsense' }])
    assert.deepEqual(orderOf({ 'x-bf-async-id': 'any', ...more }), {
      kind: 'poll',
      id: 'any',
      waitMs: 0,
    })
  assert.deepEqual(orderOf({ 'x-bf-async-id': '' }), { kind: 'poll', id: '', waitMs: 0 })
})

test('a result is kept for whole seconds, at most as long as is allowed', () => {
  const ttl = (value: string | string[]) => ({ ...submit, 'x-bf-async-job-result-ttl': value })
  for (const [value, ttlMs] of [
    ['1', 1000],
    ['007', 7000],
    ['604800', 604_800_000],
    ['604801', 604_800_000],
    ['9'.repeat(400), 604_800_000],
  ] as const)
    assert.deepEqual(orderOf(ttl(value)), { ...usual, ttlMs }, value)
  for (const value of ['', '0', '00', '-1', '+1', '1.5', '1e3', '0x10', '1h', 'soon', ['1', '1']])
    refuses(ttl(value), 'x-bf-async-job-result-ttl')
})

test('an answer may wait from 1 to 60 seconds, on a submit and on a poll', () => {
  for (const kind of [submit, { 'x-bf-async-id': 'a' }]) {
    assert.equal(orderOf({ ...kind, 'x-bf-async-wait': '1' })?.waitMs, 1000)
    assert.equal(orderOf({ ...kind, 'x-bf-async-wait': '60' })?.waitMs, 60_000)
    for (const value of ['', '0', '61', '-1', '1.5', '5s', ['5', '5']])
      refuses({ ...kind, 'x-bf-async-wait': value }, 'x-bf-async-wait')
  }
})

test('what an interruption does is rerun or fail', () => {
  const name = 'x-bf-async-on-interrupt'
  assert.deepEqual(orderOf({ ...submit, [name]: 'fail' }), { ...usual, onInterrupt: 'fail' })
  assert.deepEqual(orderOf({ ...submit, [name]: 'rerun' }), usual)
  for (const value of ['', 'Fail', 'retry', ['fail', 'fail']])
    refuses({ ...submit, [name]: value }, name)
})

test('an idempotency key is 1 to 255 printable characters, sent once', () => {
  const name = 'idempotency-key'
  for (const key of ['k', ' ~', 'a, b', 'x'.repeat(255)])
    assert.deepEqual(orderOf({ ...submit, [name]: key }), { ...usual, idempotencyKey: key })
  for (const value of ['', 'x'.repeat(256), 'caf\u00e9', 'a\tb', ['a', 'b'], ['a', 'a']])
    refuses({ ...submit, [name]: value }, 'Idempotency-Key')
})

test("an SDK's count of retries above 0 marks a repeat, and no other value is an error", () => {
  for (const [count, isRepeat] of [
    ['0', false],
    ['1', true],
    ['2', true],
    ['', false],
    ['x', false],
  ] as const)
    assert.deepEqual(orderOf({ ...submit, 'x-stainless-retry-count': count }), {
      ...usual,
      isRepeat,
    })
})

test('on the routes of jobs alone the address says what is asked', () => {
  assert.deepEqual(readSubmitOrder(sent({ 'x-bf-async': 'false' }), rules), usual)
  assert.deepEqual(readPollOrder('a', sent({ 'x-bf-async-wait': '2' })), {
    kind: 'poll',
    id: 'a',
    waitMs: 2000,
  })
})
