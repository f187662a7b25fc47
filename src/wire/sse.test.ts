import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { SseFramer } from './sse.ts'

const source = [
  ': a comment\n\n',
  'data: {"text":"héllo 🚀 日本"}\n\n',
  'event: error\ndata: {"a":1}\ndata:{"b":2}\n\n',
  'id: 7\nretry: 10\ndata\n\n',
  'data: [DONE]\n\n',
].join('')
const golden = [
  [null, null],
  ['{"text":"héllo 🚀 日本"}', null],
  ['{"a":1}\n{"b":2}', 'error'],
  ['', null],
  ['[DONE]', null],
]

function read(chunks: readonly Uint8Array[]) {
  const framer = new SseFramer()
  const events = chunks.flatMap((chunk) => framer.push(chunk))
  const last = framer.end()
  if (last) events.push(last)
  return {
    // A blank line alone stands for nothing; where CR LF is cut, the LF may arrive as one.
    said: events.map(({ data, name }) => [data, name]),
    raw: Buffer.concat(events.map(({ raw }) => raw)),
  }
}
const cutEvery = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )

for (const newline of ['\n', '\r\n', '\r']) {
  const bytes = Buffer.from(source.replaceAll('\n', newline))
  test(`cut at every pair of places, a stream in ${JSON.stringify(newline)} means and is the same`, () => {
    for (let a = 0; a <= bytes.length; a++)
      for (let b = a; b <= bytes.length; b += 3) {
        const { said, raw } = read([bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)])
        assert.deepEqual(said, golden)
        assert.ok(raw.equals(bytes.subarray(0, raw.length)))
      }
    for (const size of [1, 2, 7, 64]) assert.deepEqual(read(cutEvery(bytes, size)).said, golden)
  })
}

test('every way to split a short stream gives the same events', () => {
  const bytes = Buffer.from('data: é\r\n\r\ndata:x\r\n\r\n')
  const ways = 2 ** (bytes.length - 1)
  for (let way = 0; way < ways; way += 7) {
    const chunks: Buffer[] = []
    let start = 0
    for (let at = 1; at < bytes.length; at++)
      if (way & (1 << (at - 1))) {
        chunks.push(bytes.subarray(start, at))
        start = at
      }
    chunks.push(bytes.subarray(start))
    assert.deepEqual(
      read(chunks).said.map(([data]) => data),
      ['é', 'x'],
    )
  }
})

test('a last event without its blank line still counts, and is closed', () => {
  for (const open of ['data: x', 'data: x\n']) {
    const { said, raw } = read([Buffer.from(open)])
    assert.deepEqual(said, [['x', null]])
    assert.equal(raw.toString(), 'data: x\n\n')
  }
})

test('nothing is lost or invented for random bytes in random chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('data: ', 'x', 'é', '\n', '\r', '\r\n', ':', ' ', '\n\n', '{}')),
      fc.array(fc.nat(40)),
      (parts, sizes) => {
        const bytes = Buffer.from(parts.join(''))
        const chunks: Buffer[] = []
        let at = 0
        for (const size of sizes) {
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        chunks.push(bytes.subarray(at))
        const whole = read([bytes]).said.filter(([data]) => data !== null)
        assert.deepEqual(
          read(chunks).said.filter(([data]) => data !== null),
          whole,
        )
      },
    ),
    { numRuns: 2000 },
  )
})

test('one event of 4 MB dripped in 64-byte chunks is as much work as twice 2 MB', () => {
  // Counted in copies rather than timed: the framer may copy a byte a bounded number of times only.
  let copied = 0
  const original = Buffer.prototype.copy
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<Buffer['copy']>) {
    const count = original.apply(this, args)
    copied += count
    return count
  }
  try {
    const bytes = Buffer.from(`data: ${'x'.repeat(4_000_000)}\n\n`)
    const { said } = read(cutEvery(bytes, 64))
    assert.equal(said[0]?.[0]?.length, 4_000_000)
    assert.ok(copied < 3 * bytes.length, `${copied} bytes copied`)
  } finally {
    Buffer.prototype.copy = original
  }
})

test('an event over the bound is refused', () => {
  const framer = new SseFramer()
  framer.push(Buffer.from('data: '))
  const chunk = Buffer.alloc(1024 * 1024, 120)
  assert.throws(
    () => {
      for (let i = 0; i < 17; i++) framer.push(chunk)
    },
    { code: 'upstream_invalid_response' },
  )
})
