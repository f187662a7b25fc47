import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatMessage, ContentPart } from '../core/chat.ts'
import { imageLinksOf } from './fetch-images-links.ts'
import { mediaTypeOf } from './fetch-images-type.ts'

const message = (content: ChatMessage['content']): ChatMessage => ({
  role: 'user',
  content,
  extra: {},
})
const other = (part: Readonly<Record<string, unknown>>): ContentPart => ({ type: 'other', part })

test('links of pictures and files are found with the place they stand at; bytes and ids are none', () => {
  const links = imageLinksOf({
    messages: [
      message('https://example.com/text.png'),
      message(null),
      message([
        { type: 'text', text: 'what is this?', extra: {} },
        other({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }),
        other({ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }),
        other({ type: 'file', file: { file_data: 'https://example.com/b.pdf' } }),
        other({ type: 'file', file: { file_id: 'file-1' } }),
        other({ type: 'image_url', image_url: { url: 's3://bucket/a.png' } }),
        other({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }),
      ]),
    ],
  })
  assert.deepEqual(links, [
    { url: 'https://example.com/a.png', param: 'messages[2].content[1].image_url.url' },
    { url: 'https://example.com/b.pdf', param: 'messages[2].content[3].file.file_data' },
  ])
})

test('kinds are told by how their bytes begin', () => {
  for (const [text, mediaType] of [
    ['\x89PNG\r\n\x1a\n', 'image/png'],
    ['\xff\xd8\xff\xe0', 'image/jpeg'],
    ['GIF89a', 'image/gif'],
    ['RIFF\x01\x02\x03\x04WEBPVP8 ', 'image/webp'],
    ['\0\0\0\x1cftypavif', 'image/avif'],
    ['%PDF-1.4', 'application/pdf'],
    ['RIFF\x01\x02\x03\x04WAVE', null],
    ['<svg xmlns', null],
    ['<!doctype html>', null],
    ['\x89PN', null],
    ['', null],
  ] as const)
    assert.equal(mediaTypeOf(Buffer.from(text, 'latin1')), mediaType, text)
})
