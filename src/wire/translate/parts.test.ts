import assert from 'node:assert/strict'
import test from 'node:test'
import { type Part, paramOf, readPart } from './parts.ts'

const at = 'messages[0].content[1]'
const read = (part: Record<string, unknown>): Part => readPart({ type: 'other', part }, at)
const image = (url: string): Part => read({ type: 'image_url', image_url: { url } })
const dataOf = (part: Part): unknown =>
  'source' in part && part.source.kind === 'data'
    ? [part.source.mediaType, part.source.base64]
    : part.kind

test('a picture is what its first bytes say, whatever it is called', () => {
  assert.deepEqual(dataOf(image('data:image/jpeg;base64,iVBORw0KGgoA')), [
    'image/png',
    'iVBORw0KGgoA',
  ])
  assert.deepEqual(dataOf(image('data:application/octet-stream;base64,/9j/4AA')), [
    'image/jpeg',
    '/9j/4AA',
  ])
  assert.deepEqual(dataOf(image('data:IMAGE/GIF;base64,AAAA')), ['image/gif', 'AAAA'])
})

test('base64 loses its line breaks and the alphabet of addresses', () => {
  assert.deepEqual(dataOf(image('data:image/png;base64,AA-_\n BB==')), ['image/png', 'AA+/BB=='])
})

test('data in plain is read, and what is no data is of no known kind', () => {
  const svg = image('data:image/svg+xml,%3Csvg%2F%3E')
  assert.deepEqual(dataOf(svg), ['image/svg+xml', Buffer.from('<svg/>').toString('base64')])
  assert.equal(image('data:image/svg+xml,%E0%A4%A').kind, 'unknown')
})

test('a part is named as its caller would name it', () => {
  assert.equal(paramOf(image('https://x.example/a.png')), `${at}.image_url`)
  assert.equal(paramOf(read({ type: 'hologram' })), `${at}.hologram`)
  assert.equal(paramOf(read({})), at)
  assert.equal(paramOf(read({ type: 'file', file: { file_id: 'f' } })), `${at}.file`)
})
