import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, providerOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { anyMemory } from '../../tests/support/any-memory.ts'
import { openBooks } from '../../tests/support/books.ts'
import { manualRuntime } from '../../tests/support/manual-clock.ts'
import type { Call } from '../core/call.ts'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { type ChatLook, lookAtChat } from '../wire/openai-chat/look.ts'
import { attempt, UsageRefusals } from './attempt.ts'
import { checkSayable, prepareRequest } from './prepare-request.ts'
import type { Translation, Translator } from './translator.ts'

const extras = { headers: null, apiVersion: null, pinnedKey: null, session: null }
const key = { ...keyOf(), cloud: { region: 'eu-central-1' } }
const provider = providerOf({
  ...{ type: 'bedrock', baseUrl: 'https://provider.example', keys: [key] },
})
const model = 'some.model'
const { signal } = new AbortController()

function lookAt(text: string): ChatLook {
  const bytes = Buffer.from(JSON.stringify({ model, messages: [{ role: 'user', content: text }] }))
  return lookAtChat(bytes, scanJson(bytes, requestRules), false)
}

/** Large, and no JSON any more: whoever reads it fails. */
function unreadable(): ChatLook {
  const look = lookAt('x'.repeat(1024 * 1024))
  look.bytes.fill(0x21)
  return look
}

function recording(): { readonly asked: Translation[]; readonly translator: Translator } {
  const asked: Translation[] = []
  const translator: Translator = {
    async encode(translation) {
      asked.push(translation)
      return { body: Buffer.from('{}'), answerTool: null, dropped: [] }
    },
  }
  return { asked, translator }
}

test('a large request is never read where all others are served, also for who takes pictures as bytes', async () => {
  const { asked, translator } = recording()
  const runtime = manualRuntime()
  const stopped = new Error('far enough')
  const run = { beforeDispatch: () => Promise.reject(stopped) }
  const call = { id: 'call', principal: null, attempts: [], holds: 0 } as unknown as Call
  const { books } = openBooks(runtime.clock)
  const tariff = { prices: { priceOf: () => null }, providers: new Map(), models: new Map() }
  const rules = {
    ...{ maxReplyBytes: 1, refusals: new UsageRefusals(), runtime, books },
    ...{ memory: anyMemory, translator, tariff: tariff as never },
  }
  const context = { call, look: unreadable(), extras, signal, run, hedge: false }
  const target = { provider, asked: model, model, key, fresh: false, fallback: 0 }
  await assert.rejects(attempt(context, target, rules), stopped)
  assert.equal(asked.length, 1)
})

test('nor is it while a job is handed in', async () => {
  const { asked, translator } = recording()
  await checkSayable({ provider, model }, unreadable(), translator)
  assert.equal(asked.length, 1)
  await checkSayable({ provider, model }, lookAt('small'), translator)
  assert.equal(asked.length, 1)
})

test('pictures that were fetched count as part of what has to be said', async () => {
  const { asked, translator } = recording()
  const usage = 'keep' as const
  const rules = { usage, runtime: manualRuntime(), translator, signal }
  const picture = { mediaType: 'image/png', base64: 'A'.repeat(1024 * 1024) }
  const images = new Map([['https://example.org/a.png', picture]])
  await prepareRequest(lookAt('x'), { provider, model, key }, extras, { ...rules, images })
  assert.equal(asked.length, 1)
  await prepareRequest(lookAt('x'), { provider, model, key }, extras, {
    ...rules,
    images: new Map(),
  })
  assert.equal(asked.length, 1)
})
