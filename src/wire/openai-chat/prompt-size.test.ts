import assert from 'node:assert/strict'
import test from 'node:test'
import { requestRules, scanJson } from '../json-scan.ts'
import { type ChatLook, lookAtChat } from './look.ts'
import { mostTokens, promptSizeOf, usualTokens } from './prompt-size.ts'

function look(request: object): ChatLook {
  const bytes = Buffer.from(JSON.stringify({ model: 'm', ...request }))
  return lookAtChat(bytes, scanJson(bytes, requestRules), true)
}

test('text counts by its bytes, messages by their number', () => {
  const messages = [
    { role: 'system', content: 'a'.repeat(400) },
    { role: 'user', content: 'b'.repeat(400) },
  ]
  const size = promptSizeOf(look({ messages }))
  assert.equal(size.messages, 2)
  assert.ok(size.textBytes >= 800 && size.textBytes < 900)
  assert.ok(usualTokens(size) >= 200 && mostTokens(size) >= 400)
})

test('tools and the form of the answer are part of the prompt', () => {
  const messages = [{ role: 'user', content: 'x' }]
  const description = 'd'.repeat(4000)
  const tools = [{ type: 'function', function: { name: 'f', description } }]
  const plain = promptSizeOf(look({ messages }))
  assert.ok(promptSizeOf(look({ messages, tools })).textBytes - plain.textBytes > 4000)
})

test('a megabyte of picture, sound or file is not a megabyte of text', () => {
  const data = 'QUJD'.repeat(250_000)
  const part = (each: object) => [{ role: 'user', content: [{ type: 'text', text: 'x' }, each] }]
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }
  const link = { type: 'image_url', image_url: { url: 'https://a.example/b.png' } }
  const sound = { type: 'input_audio', input_audio: { data, format: 'wav' } }
  const file = { type: 'file', file: { file_data: `data:application/pdf;base64,${data}` } }
  for (const each of [image, link, sound, file])
    assert.ok(promptSizeOf(look({ messages: part(each) })).textBytes < 300)
  assert.equal(promptSizeOf(look({ messages: part(image) })).images, 1)
  assert.equal(promptSizeOf(look({ messages: part(link) })).images, 1)
  for (const each of [sound, file])
    assert.ok(promptSizeOf(look({ messages: part(each) })).fileBytes >= 1_000_000)
})
