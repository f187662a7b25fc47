import assert from 'node:assert/strict'
import test from 'node:test'
import { shortenMedia } from './shorten-media.ts'

const picture = Buffer.alloc(30_000, 7).toString('base64')
const shorten = (value: unknown, most = 100_000) =>
  shortenMedia(Buffer.from(JSON.stringify(value)), most)

test('media become notes of their type and size, and the rest is what it was', () => {
  const { text, isWhole } = shorten({
    a: 'text "with" \\ quotes',
    image: `data:image/png;base64,${picture}`,
    audio: Buffer.alloc(20_000, 7).toString('base64'),
    b: [1, 'ü'],
  })
  assert.equal(isWhole, true)
  assert.deepEqual(JSON.parse(text), {
    a: 'text "with" \\ quotes',
    image: '[image/png, 30000 bytes]',
    audio: '[base64, 20000 bytes]',
    b: [1, 'ü'],
  })
})

test('long text is no medium', () => {
  const story = 'once upon a time '.repeat(1000)
  assert.equal(JSON.parse(shorten({ story }).text).story, story)
})

test('the rest is cut where there is too much of it, media not counted', () => {
  const value = { image: `data:image/png;base64,${picture}`, text: 'word '.repeat(2000) }
  const { text, isWhole } = shorten(value, 1000)
  assert.equal(isWhole, false)
  assert.ok(text.startsWith('{"image":"[image/png, 30000 bytes]","text":"word'), text.slice(0, 80))
  assert.ok(text.length >= 1000 && text.length < 1100, String(text.length))
})

test('what is no JSON, or ends in the middle, is kept as it is', () => {
  for (const text of ['plain text', '{"a":"unfinished \\', '"', ''])
    assert.deepEqual(shortenMedia(Buffer.from(text), 1000), { text, isWhole: true })
})
