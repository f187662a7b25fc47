import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sseData } from '../../support/raw-client.ts'
import { chatBytes, startRig } from './client-rig.ts'

const rig = await startRig()
after(() => rig.end())

const ask = (fields: object, headers: Record<string, string>, version = 'HTTP/1.1') =>
  rig.send(
    chatBytes({ model: 'openai/forms', ...fields }, headers)
      .toString()
      .replace('HTTP/1.1', version),
  )

test('S22 a client of HTTP/1.0 reads a stream that ends with its connection', async () => {
  const { headers, text, complete } = await ask({ stream: true }, {}, 'HTTP/1.0')
  assert.equal(complete, true)
  assert.equal(headers['transfer-encoding'], undefined)
  assert.equal(headers['content-length'], undefined)
  assert.equal(headers['connection'], 'close')
  assert.match(headers['content-type'] ?? '', /^text\/event-stream/)
  assert.ok(text.startsWith('data: {'))
  assert.equal(sseData(text).at(-1), '[DONE]')
})

test('S22 a client that wants its connection closed gets whole answers, and then the end', async () => {
  for (const stream of [true, false])
    for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
      const answer = await ask({ stream }, { connection: 'close' }, version)
      assert.equal(answer.complete, true)
      assert.equal(answer.headers['connection'], 'close')
      if (stream) assert.equal(sseData(answer.text).at(-1), '[DONE]')
      else assert.equal((answer.json() as { object: string }).object, 'chat.completion')
    }
})

test('S23 the body alone says whether an answer is a stream, whatever the client accepts', async () => {
  const accepts = ['application/json', 'text/event-stream', 'text/html', '*/*;q=0', 'nonsense']
  for (const accept of accepts) {
    const streamed = await ask({ stream: true }, { accept })
    assert.equal(streamed.headers['content-type'], 'text/event-stream; charset=utf-8')
    assert.equal(streamed.headers['cache-control'], 'no-cache')
    assert.equal(streamed.headers['x-accel-buffering'], 'no')
    assert.equal(sseData(streamed.text).at(-1), '[DONE]')
    for (const fields of [{}, { stream: false }, { stream: null }]) {
      const plain = await ask(fields, { accept })
      assert.equal(plain.headers['content-type'], 'application/json')
      assert.equal((plain.json() as { object: string }).object, 'chat.completion')
    }
  }
})

test('S23 an answer is never compressed, whatever the client could read', async () => {
  for (const stream of [true, false]) {
    const { headers, text } = await ask({ stream }, { 'accept-encoding': 'gzip, br, zstd' })
    assert.equal(headers['content-encoding'], undefined)
    assert.ok(text.includes('chat.completion'))
  }
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
