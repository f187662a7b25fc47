import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buffersIn, withOwnBytes } from './message-bytes.ts'

test('bytes anywhere in a message get memory of their own, of just their size', () => {
  const whole = Buffer.from('before middle after')
  const given = {
    job: { body: whole.subarray(7, 13) },
    list: [whole.subarray(0, 6)],
    n: 1,
    x: null,
  }
  const own = withOwnBytes(given) as { job: { body: Uint8Array }; list: Uint8Array[] }
  assert.deepEqual(own, {
    job: { body: new Uint8Array(Buffer.from('middle')) },
    list: [new Uint8Array(Buffer.from('before'))],
    n: 1,
    x: null,
  })
  assert.equal(own.job.body.buffer.byteLength, 6)
  own.job.body.fill(0)
  assert.equal(whole.toString(), 'before middle after')
})

test('what is no plain object is left as it is', () => {
  const map = new Map([['a', new Uint8Array(1)]])
  const given = { map, text: 'x', nothing: undefined }
  assert.deepEqual(withOwnBytes(given), given)
  assert.deepEqual(buffersIn(given), [])
})

test('all memory of a message is found, once each', () => {
  const [a, b] = [new Uint8Array(3), new Uint8Array(0)]
  const replies = [
    { id: 1, value: { job: { result: a } } },
    { id: 2, value: [{ body: b }] },
  ]
  assert.deepEqual(buffersIn(replies), [a.buffer, b.buffer])
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(replies, buffersIn(replies))
  assert.equal(a.byteLength, 0)
  port1.close()
  port2.close()
})
