import assert from 'node:assert/strict'
import test from 'node:test'
import { Compile } from 'typebox/compile'
import { fc } from '../../../tests/support/properties.ts'
import { GatewayError } from '../../core/errors.ts'
import { requestRules, scanJson } from '../json-scan.ts'
import { type ChatLook, lookAtChat, scanRequest } from './look.ts'
import { ChatRequestSchema } from './schema.ts'

const base = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] }
function lookAtText(text: string, modelInAddress = false): ChatLook {
  const bytes = Buffer.from(text)
  return lookAtChat(bytes, scanJson(bytes, requestRules), modelInAddress)
}
const look = (fields: object, modelInAddress = false): ChatLook =>
  lookAtText(JSON.stringify({ ...base, ...fields }), modelInAddress)

const bad: readonly (readonly [object, string, RegExp])[] = [
  [{ messages: undefined }, 'messages', /missing/],
  [{ messages: [] }, 'messages', /empty/],
  [{ messages: null }, 'messages', /an array, not null/],
  [{ messages: 'hi' }, 'messages', /an array, not a string/],
  [{ messages: {} }, 'messages', /an array, not an object/],
  [{ messages: ['hi'] }, 'messages', /must be an object/],
  [{ messages: [[]] }, 'messages', /must be an object/],
  [{ model: undefined }, 'model', /missing/],
  [{ model: null }, 'model', /missing/],
  [{ model: '' }, 'model', /missing/],
  [{ model: 7 }, 'model', /a string, not a number/],
  [{ model: ['a'] }, 'model', /a string, not an array/],
  [{ model: 'x'.repeat(600) }, 'model', /over 512 bytes/],
  [{ stream: 'true' }, 'stream', /a boolean, not a string/],
  [{ stream: 1 }, 'stream', /a boolean, not a number/],
  [{ stream_options: true }, 'stream_options', /an object, not a boolean/],
  [{ stream_options: { include_usage: 'yes' } }, 'stream_options.include_usage', /a boolean/],
  [{ n: 0 }, 'n', /a whole number of at least 1/],
  [{ n: -1 }, 'n', /at least 1/],
  [{ n: 1.5 }, 'n', /whole number/],
  [{ n: '2' }, 'n', /not a string/],
  [{ max_tokens: '5' }, 'max_tokens', /not a string/],
  [{ max_tokens: 1.5 }, 'max_tokens', /whole number/],
  [{ max_completion_tokens: {} }, 'max_completion_tokens', /not an object/],
  [{ temperature: 2.1 }, 'temperature', /from 0 to 2/],
  [{ temperature: -0.1 }, 'temperature', /from 0 to 2/],
  [{ temperature: 'hot' }, 'temperature', /not a string/],
  [{ top_p: 1.01 }, 'top_p', /from 0 to 1/],
  [{ frequency_penalty: 3 }, 'frequency_penalty', /from -2 to 2/],
  [{ presence_penalty: -3 }, 'presence_penalty', /from -2 to 2/],
  [{ top_logprobs: 21 }, 'top_logprobs', /from 0 to 20/],
  [{ logprobs: 'no' }, 'logprobs', /boolean/],
  [{ seed: 1.5 }, 'seed', /whole number/],
  [{ stop: 5 }, 'stop', /a string or an array, not a number/],
  [{ tools: {} }, 'tools', /an array/],
  [{ tool_choice: [] }, 'tool_choice', /a string or an object, not an array/],
  [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls', /boolean/],
  [{ response_format: 'json' }, 'response_format', /an object/],
  [{ reasoning_effort: 3 }, 'reasoning_effort', /a string/],
  [{ modalities: 'text' }, 'modalities', /an array/],
  [{ metadata: [] }, 'metadata', /an object/],
  [{ store: 'yes' }, 'store', /boolean/],
  [{ service_tier: 1 }, 'service_tier', /a string/],
  [{ functions: {} }, 'functions', /an array/],
  [{ fallbacks: 'a/b' }, 'fallbacks', /an array/],
  [{ fallbacks: [''] }, 'fallbacks', /model names/],
  [{ fallbacks: [3] }, 'fallbacks', /model names/],
  [{ fallbacks: new Array(11).fill('a/b') }, 'fallbacks', /at most ten/],
  [{ fallbacks: ['x'.repeat(600)] }, 'fallbacks', /model names/],
]

for (const [fields, param, message] of bad)
  test(`refused with param "${param}": ${JSON.stringify(fields).slice(0, 60)}`, () => {
    assert.throws(
      () => look(fields),
      (thrown) => {
        assert.ok(thrown instanceof GatewayError)
        assert.equal(thrown.code, 'invalid_request')
        assert.equal(thrown.status, 400)
        assert.equal(thrown.facts.param, param)
        assert.match(thrown.message, message)
        return true
      },
    )
  })

test('a number too large for any machine is no number of tokens', () => {
  for (const number of ['1e309', '-1e309'])
    assert.throws(
      () =>
        lookAtText(
          `{"model":"m","messages":[{"role":"user","content":""}],"max_tokens":${number}}`,
        ),
      { code: 'invalid_request' },
    )
})

test('what routing and metering need is read', () => {
  const found = look({
    stream: true,
    stream_options: { include_usage: true },
    n: 3,
    fallbacks: ['a/b', 'c/d'],
  })
  assert.equal(found.model, 'gpt-4o')
  assert.equal(found.stream, true)
  assert.equal(found.includeUsage, true)
  assert.equal(found.choices, 3)
  assert.deepEqual(found.fallbacks, ['a/b', 'c/d'])
  assert.equal(found.promptBytes, JSON.stringify(base.messages).length)
})

test('what is not said has its default', () => {
  for (const fields of [{}, { stream: null, stream_options: null, n: null, fallbacks: null }]) {
    const { stream, includeUsage, choices, fallbacks } = look(fields)
    assert.deepEqual(
      { stream, includeUsage, choices, fallbacks },
      { stream: false, includeUsage: false, choices: 1, fallbacks: [] },
    )
  }
  assert.equal(look({ stream_options: { include_usage: null } }).includeUsage, false)
  assert.equal(look({ stream_options: { other: [{ include_usage: true }] } }).includeUsage, false)
})

test('where the address names the model, the body need not', () => {
  for (const model of [undefined, null]) assert.equal(look({ model }, true).model, null)
  assert.equal(look({}, true).model, 'gpt-4o')
  assert.throws(() => look({ model: 7 }, true), { code: 'invalid_request' })
})

test('names and texts with escapes are read as what they mean', () => {
  const text = '{"m\\u006fdel":"gpt\\u002d4o","messages" : [ {"role":"user"} ],"str\\u0065am":true}'
  const found = lookAtText(text)
  assert.equal(found.model, 'gpt-4o')
  assert.equal(found.stream, true)
})

test('a large body is scanned in steps, to the same end', async () => {
  const content = 'x'.repeat(3 * 1024 * 1024)
  const bytes = Buffer.from(JSON.stringify({ ...base, messages: [{ role: 'user', content }] }))
  let pauses = 0
  const fields = await scanRequest(bytes, async () => void pauses++)
  assert.deepEqual(fields, scanJson(bytes, requestRules))
  assert.ok(pauses >= 10, `${pauses} pauses`)
})

const names = Object.keys(ChatRequestSchema.properties)
const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -3, max: 30 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.constant([]),
  fc.constant({}),
  fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }),
  fc.constant([{ role: 'user', content: 'hi' }]),
)

test('what the published schema allows passes, whatever the combination', () => {
  const schema = Compile(ChatRequestSchema)
  let passed = 0
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }), (fields) => {
      const body: Record<string, unknown> = { ...base, ...fields }
      if (!schema.Check(body) || body['model'] === '') return
      if ([body['fallbacks'] ?? []].flat().includes('')) return
      passed++
      look(fields)
    }),
    { numRuns: 1000 },
  )
  assert.ok(passed > 50, `only ${passed} passed the schema`)
})

test('a refused field is one the schema refuses as well', () => {
  const schema = Compile(ChatRequestSchema)
  let refused = 0
  fc.assert(
    fc.property(fc.constantFrom(...names), value, (name, given) => {
      try {
        look({ [name]: given })
      } catch (thrown) {
        refused++
        assert.ok(thrown instanceof GatewayError)
        assert.equal(thrown.facts.param, name)
        const allowed = schema.Check({ ...base, [name]: given })
        assert.ok(!allowed || given === '' || name === 'fallbacks', `${name}: ${given}`)
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(refused > 100, `only ${refused} were refused`)
})

test('fields it does not know may be anything', () => {
  const known = new Set(names)
  fc.assert(
    fc.property(
      fc.string().filter((name) => !known.has(name) && name !== '__proto__'),
      fc.jsonValue({ maxDepth: 5 }),
      (name, given) => {
        const found = look({ [name]: given })
        assert.ok(found.fields.has(name))
      },
    ),
  )
})

test('stream_options are plain where they hold nothing but include_usage', () => {
  const plain = (options: unknown): boolean => look({ stream_options: options }).plainStreamOptions
  assert.equal(look({}).plainStreamOptions, true)
  for (const options of [null, {}, { include_usage: true }, { include_usage: null }])
    assert.equal(plain(options), true, JSON.stringify(options))
  for (const options of [
    { include_obfuscation: false },
    { include_usage: true, include_obfuscation: false },
    { other: { include_usage: true } },
  ])
    assert.equal(plain(options), false, JSON.stringify(options))
})
