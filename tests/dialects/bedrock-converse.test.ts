import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { bedrockConverse } from '../../src/wire/bedrock-converse/dialect.ts'
import { encodeFrames, type WrittenFrame } from './bedrock-converse/frames.ts'
import { goldenTests } from './golden.ts'

const folder = join(import.meta.dirname, 'bedrock-converse')
const streams = join(folder, 'streams')

// Nobody can read binary frames, so each stream is written down in words, and its bytes are made of those.
for (const file of readdirSync(streams).filter((each) => each.endsWith('.frames.json'))) {
  const frames = JSON.parse(readFileSync(join(streams, file), 'utf8')) as readonly WrittenFrame[]
  const bytes = `${encodeFrames(frames).toString('base64')}\n`
  const target = join(streams, file.replace('.frames.json', '.in.b64'))
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(target, bytes)
  test(`the bytes are those of the frames: ${file}`, () => {
    assert.equal(readFileSync(target, 'utf8'), bytes)
  })
}

goldenTests(bedrockConverse, folder, 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0')
