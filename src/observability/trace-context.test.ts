import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallTrace } from '../core/trace.ts'
import {
  heardOf,
  readParent,
  spanIdOf,
  spanPlaceOf,
  traceIdOf,
  withTrace,
} from './trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const good = `00-${traceId}-${spanId}-01`

test('a parent is read with its flag and its state', () => {
  assert.deepEqual(readParent(good, ' congo=t61rcWkgMzE , rojo@v=1 ,'), {
    ...{ traceId, spanId, sampled: true },
    state: 'congo=t61rcWkgMzE,rojo@v=1',
  })
  assert.equal(readParent(`00-${traceId}-${spanId}-00`, undefined)?.sampled, false)
  // Other flags than the one that is known say nothing.
  assert.equal(readParent(`00-${traceId}-${spanId}-fe`, undefined)?.sampled, false)
  assert.equal(readParent(`cc-${traceId}-${spanId}-01-what-comes`, undefined)?.sampled, true)
})

test('what is malformed is no parent', () => {
  for (const [what, header] of [
    ['nothing', undefined],
    ['empty', ''],
    ['a list', [good]],
    ['two of them', `${good}, ${good}`],
    ['capitals', good.toUpperCase()],
    ['the forbidden version', good.replace('00-', 'ff-')],
    ['more than the version has', `${good}-more`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['too short', good.slice(0, -1)],
    ['too long', `cc-${traceId}-${spanId}-01-${'x'.repeat(1000)}`],
    ['another letter', good.replace('0af7', '0ag7')],
  ] as const)
    assert.equal(readParent(header, undefined), null, what)
})

test('a state that is malformed or too long is left out, and the parent stays', () => {
  for (const state of [
    'Capital=1',
    'novalue',
    '=1',
    'a=\u0001',
    'a=b=c',
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(','),
    `a=${'x'.repeat(600)}`,
    ['a=1'],
  ])
    assert.equal(readParent(good, state)?.state, '', String(state).slice(0, 20))
})

test('an id is chance alone where it has to be, and as long as it must be', () => {
  const random = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeffffff'
  assert.equal(spanIdOf(random), 'aaaaaaaaeeffffff')
  assert.match(traceIdOf(random), /^[0-9a-f]{32}$/)
})

const own: CallTrace = {
  ...{ traceId, parentId: null, spanId, sampled: true, state: 'a=1' },
  ...{ submit: null, request: null, reply: null },
}

test('what goes on names the span, the decision and the state, beside what is sent already', () => {
  const child = '1111111111111111'
  assert.deepEqual(withTrace(['accept', '*/*'], own, child), [
    ...['accept', '*/*', 'traceparent', `00-${traceId}-${child}-01`, 'tracestate', 'a=1'],
  ])
  assert.deepEqual(withTrace([], { ...own, sampled: false, state: '' }, child), [
    ...['traceparent', `00-${traceId}-${child}-00`],
  ])
  const configured = ['traceparent', 'own']
  assert.equal(withTrace(configured, own, child), configured)
})

test('only a span that is kept can be pointed at', () => {
  assert.deepEqual(spanPlaceOf(own), { traceId, spanId })
  assert.equal(spanPlaceOf({ ...own, sampled: false }), null)
  const parent = readParent(good, undefined)
  assert.ok(parent)
  assert.equal(spanPlaceOf(heardOf(parent)), null)
})
