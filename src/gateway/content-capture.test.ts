import assert from 'node:assert/strict'
import test from 'node:test'
import { sampleCall } from '../../tests/support/sample-call.ts'
import type { RequestLogConfig } from '../config/config.ts'
import type { Call, CallContent } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'
import { ContentCapture } from './content-capture.ts'

const rules = (content: RequestLogConfig['content'], enabled = true): RequestLogConfig => ({
  enabled,
  content,
  contentKeepMs: 1,
  keepMs: 1,
  maxBytes: 1,
  maxBodyBytes: 1000,
  clientAddress: 'none',
})

function begun(
  content: RequestLogConfig['content'],
  more: Partial<Principal> = {},
  enabled = true,
) {
  const call = sampleCall()
  const capture = new ContentCapture()
  capture.begin(call, { ...(call.principal as Principal), ...more }, rules(content, enabled))
  return { call, capture }
}
const contentOf = (call: Call): CallContent => {
  assert.ok(typeof call.content === 'object')
  return call.content
}

test('nothing is kept unless it is asked for, and never of a key that says so', () => {
  assert.equal(begun('none').call.content, 'off')
  assert.equal(begun('all', {}, false).call.content, 'off')
  assert.equal(begun('all', { logContent: false }).call.content, 'private')
  assert.equal(contentOf(begun('errors').call).errorsOnly, true)
  assert.equal(contentOf(begun('all').call).errorsOnly, false)
})

test('where nothing is kept a stream goes to its client by the shortest way', () => {
  const { call, capture } = begun('none')
  const sink = { write: () => true }
  assert.equal(capture.stream(call, sink), sink)
})

test('a stream is kept as it goes by, up to a megabyte, in bytes of its own', () => {
  const { call, capture } = begun('all')
  const passed: number[] = []
  const sink = capture.stream(call, {
    write(bytes) {
      passed.push(bytes.length)
      return passed.length % 2 === 0
    },
  })
  const chunk = Buffer.alloc(300 * 1024, 1)
  const answers = [1, 2, 3, 4, 5].map(() => sink.write(chunk))
  chunk.fill(2)
  assert.deepEqual(answers, [false, true, false, true, false])
  const { reply, replyBytes, isLost } = contentOf(call)
  assert.equal(replyBytes, 5 * chunk.length)
  assert.equal(reply.length, 3)
  assert.equal(reply[0]?.[0], 1)
  assert.equal(isLost, false)
})

test('all streams together keep no more than 64 MiB, and what is released makes room', () => {
  const capture = new ContentCapture()
  const calls = Array.from({ length: 70 }, () => sampleCall())
  for (const call of calls) {
    capture.begin(call, call.principal as Principal, rules('all'))
    capture.stream(call, { write: () => true }).write(Buffer.alloc(1024 * 1024))
  }
  assert.equal(calls.filter((call) => contentOf(call).isLost).length, 6)
  for (const call of calls) capture.release(call)
  const next = sampleCall()
  capture.begin(next, next.principal as Principal, rules('all'))
  capture.stream(next, { write: () => true }).write(Buffer.alloc(1024 * 1024))
  assert.equal(contentOf(next).isLost, false)
})
