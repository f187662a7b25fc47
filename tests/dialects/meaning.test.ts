import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { ChatDialect } from '../../src/providers/adapter.ts'
import { anthropicMessages } from '../../src/wire/anthropic-messages/dialect.ts'
import { bedrockConverse } from '../../src/wire/bedrock-converse/dialect.ts'
import { cohereChat } from '../../src/wire/cohere-chat/dialect.ts'
import { geminiContent } from '../../src/wire/gemini/dialect.ts'
import { openaiChat } from '../../src/wire/openai-chat/dialect.ts'
import { ChatRequestSchema } from '../../src/wire/openai-chat/schema.ts'
import { fc } from '../support/properties.ts'
import { type Draft, type Place, parameterValues, places } from './meaning-places.ts'

/** Each dialect that only providers speak, with models that differ in what can be said to them. */
const spoken: readonly { folder: string; dialect: ChatDialect; models: readonly string[] }[] = [
  {
    folder: 'anthropic-messages',
    dialect: anthropicMessages(),
    models: ['claude-sonnet-4-5-20250929', 'claude-3-5-haiku-20241022', 'claude-opus-4-7'],
  },
  {
    folder: 'bedrock-converse',
    dialect: bedrockConverse,
    models: [
      'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'anthropic.claude-3-5-sonnet-20241022-v2:0',
      'global.anthropic.claude-opus-4-7',
      'us.amazon.nova-2-lite-v1:0',
      'mistral.mistral-large-2407-v1:0',
      'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123',
    ],
  },
  {
    folder: 'cohere-chat',
    dialect: cohereChat,
    models: ['command-a-03-2025', 'command-a-reasoning-08-2025'],
  },
  {
    folder: 'gemini',
    dialect: geminiContent('gemini'),
    models: ['gemini-2.5-flash', 'gemini-3-pro-preview', 'gemini-2.0-flash'],
  },
  { folder: 'gemini', dialect: geminiContent('vertex'), models: ['gemini-2.5-flash'] },
]

/** What is the gateway's own, or stands in the address. */
const elsewhere = new Set(['model', 'messages', 'stream', 'stream_options', 'fallbacks'])

type Said =
  | { readonly body: string; readonly dropped: readonly string[] }
  | { readonly param: string; readonly message: string }

function say(dialect: ChatDialect, model: string, wire: Draft, dropUnsupported: boolean): Said {
  const request = openaiChat.request.decode(Buffer.from(JSON.stringify(wire)))
  try {
    const encoded = dialect.encodeRequest(request, { model, dropUnsupported, images: new Map() })
    return { body: Buffer.from(encoded.body).toString(), dropped: encoded.dropped }
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    assert.equal(thrown.code, 'unsupported_parameter', thrown.message)
    return { param: thrown.facts.param ?? '', message: thrown.message }
  }
}

/** Whether the name of a parameter, `messages[2].content[0].image_url` say, has one of the words in it. */
function pointsTo(param: string, words: readonly string[]): boolean {
  const parts = param.split(/[^a-zA-Z0-9_]+/)
  return words.some((word) => parts.includes(word))
}

const draft = (): Draft => ({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] })

function checkPlaces(dialect: ChatDialect, model: string, chosen: readonly Place[]): void {
  const request = draft()
  const marks = chosen.map((place, at) => ({ place, marks: place.add(request, `mark${at}z`) }))
  for (const dropUnsupported of [false, true]) {
    const said = say(dialect, model, request, dropUnsupported)
    if ('param' in said) {
      assert.ok(
        chosen.some(({ words }) => pointsTo(said.param, words)),
        `refused because of "${said.param}", which is none of the places: ${said.message}`,
      )
      continue
    }
    for (const { place, marks: texts } of marks)
      for (const text of texts)
        assert.ok(
          said.body.includes(text) || said.dropped.some((param) => pointsTo(param, place.words)),
          `${place.name} is lost: ${JSON.stringify(said)}`,
        )
  }
}

/** Places that would overwrite each other. */
const slotOf = ({ words }: Place): string =>
  ['response_format', 'stop', 'user', 'metadata'].find((word) => words.includes(word)) ?? ''

function withoutClashes(chosen: readonly Place[]): readonly Place[] {
  const taken = new Set<string>()
  return chosen.filter((place) => {
    const slot = slotOf(place)
    if (slot !== '' && taken.has(slot)) return false
    taken.add(slot)
    return true
  })
}

test('every parameter of a request has a value to be tried with', () => {
  const named = Object.keys(ChatRequestSchema.properties).filter((name) => !elsewhere.has(name))
  assert.deepEqual(Object.keys(parameterValues).sort(), named.sort())
})

test('every dialect that only providers speak is tried', () => {
  const wire = join(import.meta.dirname, '..', '..', 'src', 'wire')
  const folders = readdirSync(wire).filter((each) => existsSync(join(wire, each, 'dialect.ts')))
  const tried = new Set([...spoken.map(({ folder }) => folder), 'openai-chat'])
  assert.deepEqual(folders.sort(), [...tried].sort())
})

for (const { dialect, models } of spoken)
  for (const model of models) {
    for (const place of places)
      test(`${dialect.name} does not lose ${place.name}: ${model}`, () => {
        checkPlaces(dialect, model, [place])
      })

    test(`${dialect.name} loses nothing of what is said together: ${model}`, (t) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      t.diagnostic(`seed ${seed}`)
      fc.assert(
        fc.property(fc.shuffledSubarray([...places]), (chosen) => {
          checkPlaces(dialect, model, withoutClashes(chosen))
        }),
        { seed, numRuns: 60 },
      )
    })

    for (const [name, value] of Object.entries(parameterValues))
      test(`${dialect.name} does not lose ${name}: ${model}`, () => {
        const needs = { tool_choice: 'tools', parallel_tool_calls: 'tools', audio: 'modalities' }
        const base = draft()
        const needed = Object.hasOwn(needs, name) ? needs[name as keyof typeof needs] : null
        if (needed !== null) base[needed] = parameterValues[needed]
        const words = needed === null ? [name] : [name, needed]
        const said = say(dialect, model, { ...base, [name]: value }, true)
        const unsaid = say(dialect, model, base, true)
        if ('param' in said) assert.ok(pointsTo(said.param, words), said.message)
        else
          assert.ok(
            said.dropped.some((param) => pointsTo(param, words)) ||
              ('body' in unsaid && said.body !== unsaid.body),
            `${name} changes nothing: ${JSON.stringify(said)}`,
          )
      })
  }
