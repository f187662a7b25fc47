import assert from 'node:assert/strict'
import test from 'node:test'
import type { EncodedRequest } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { openaiChat } from '../openai-chat/dialect.ts'
import { geminiContent } from './dialect.ts'
import type { GeminiApi } from './model-traits.ts'

const newer = 'gemini-3-flash-preview'
const older = 'gemini-2.5-flash'
const hello = [{ role: 'user', content: 'Hello' }]

interface Asked {
  readonly model?: string
  readonly api?: GeminiApi
  readonly dropUnsupported?: boolean
  readonly images?: ReadonlyMap<string, { mediaType: string; base64: string }>
}

function encoded(wire: object, asked: Asked = {}): EncodedRequest & { wire: JsonObject } {
  const { model = newer, api = 'gemini', dropUnsupported = false, images = new Map() } = asked
  const request = openaiChat.request.decode(
    Buffer.from(JSON.stringify({ model: 'm', messages: hello, ...wire })),
  )
  const done = geminiContent(api).encodeRequest(request, { model, dropUnsupported, images })
  return { ...done, wire: JSON.parse(Buffer.from(done.body).toString()) }
}

const contentsOf = (messages: readonly object[], asked?: Asked): unknown =>
  encoded({ messages }, asked).wire['contents']
const configOf = (wire: object, asked?: Asked): unknown =>
  encoded(wire, asked).wire['generationConfig']

const refusal = (param: string) => (thrown: unknown) =>
  thrown instanceof GatewayError &&
  thrown.code === 'unsupported_parameter' &&
  thrown.facts.param === param

const call = (id: string, name: string, args: string, extra: object = {}) => ({
  id,
  type: 'function',
  function: { name, arguments: args },
  ...extra,
})

test('signatures go back to the call and to the text that they came with', () => {
  const contents = contentsOf([
    ...hello,
    {
      role: 'assistant',
      content: 'I will look.',
      reasoning_details: [
        { type: 'reasoning.text', text: 'Hm.', signature: 'VA==', format: 'google-gemini-v1' },
        { type: 'reasoning.encrypted', data: 'WA==', format: 'google-gemini-v1' },
      ],
      tool_calls: [
        call('a', 'look', '{"at":1}', { extra_content: { google: { thought_signature: 'Qw==' } } }),
        call('b', 'look', '{"at":2}'),
      ],
    },
    { role: 'tool', tool_call_id: 'a', content: 'x' },
    { role: 'tool', tool_call_id: 'b', content: 'y' },
  ])
  assert.deepEqual((contents as JsonObject[])[1], {
    role: 'model',
    parts: [
      { text: 'Hm.', thought: true, thoughtSignature: 'VA==' },
      { text: 'I will look.', thoughtSignature: 'WA==' },
      { functionCall: { id: 'a', name: 'look', args: { at: 1 } }, thoughtSignature: 'Qw==' },
      { functionCall: { id: 'b', name: 'look', args: { at: 2 } } },
    ],
  })
})

test('a signature may also stand among the details, by the id of its call', () => {
  const details = [
    { type: 'reasoning.encrypted', id: 'a', data: 'Qw==', format: 'google-gemini-v1' },
  ]
  const [, model] = contentsOf([
    ...hello,
    { role: 'assistant', reasoning_details: details, tool_calls: [call('a', 'look', '{}')] },
  ]) as [unknown, JsonObject]
  assert.deepEqual(model['parts'], [
    { functionCall: { id: 'a', name: 'look', args: {} }, thoughtSignature: 'Qw==' },
  ])
})

test('thoughts of other providers are left out and reported', () => {
  const messages = [
    ...hello,
    {
      role: 'assistant',
      content: 'Yes.',
      reasoning_details: [
        { type: 'reasoning.text', text: 'Hm.', signature: 'x', format: 'anthropic-claude-v1' },
      ],
    },
    ...hello,
  ]
  const { wire, dropped } = encoded({ messages })
  assert.deepEqual((wire['contents'] as JsonObject[])[1], {
    role: 'model',
    parts: [{ text: 'Yes.' }],
  })
  assert.deepEqual(dropped, ['messages[1].reasoning_details[0]'])
})

test('older models get neither ids nor a stand-in for a signature', () => {
  const contents = contentsOf(
    [...hello, { role: 'assistant', tool_calls: [call('a', 'look', '{}')] }],
    { model: older },
  )
  assert.deepEqual((contents as JsonObject[])[1], {
    role: 'model',
    parts: [{ functionCall: { name: 'look', args: {} } }],
  })
})

test('results of calls of one name come in the order of the calls', () => {
  const contents = contentsOf(
    [
      ...hello,
      {
        role: 'assistant',
        tool_calls: [call('a', 'look', '{}'), call('t', 'time', '{}'), call('b', 'look', '{}')],
      },
      { role: 'tool', tool_call_id: 'b', content: 'second' },
      { role: 'tool', tool_call_id: 't', content: 'noon' },
      { role: 'tool', tool_call_id: 'a', content: 'first' },
    ],
    { model: older },
  )
  assert.deepEqual((contents as JsonObject[])[2], {
    role: 'user',
    parts: [
      { functionResponse: { name: 'look', response: { output: 'first' } } },
      { functionResponse: { name: 'time', response: { output: 'noon' } } },
      { functionResponse: { name: 'look', response: { output: 'second' } } },
    ],
  })
})

const resultOf = (content: unknown, extra: object = {}, asked: Asked = {}): unknown =>
  (
    contentsOf(
      [
        ...hello,
        { role: 'assistant', tool_calls: [call('a', 'look', '{}')] },
        { role: 'tool', tool_call_id: 'a', content, ...extra },
      ],
      asked,
    ) as JsonObject[]
  ).slice(2)

test('a result that is no object becomes one', () => {
  const response = (content: string, extra?: object): unknown => {
    const [{ parts }] = resultOf(content, extra) as [{ parts: [JsonObject] }]
    return (parts[0]['functionResponse'] as JsonObject)['response']
  }
  assert.deepEqual(response('{"a":1}'), { a: 1 })
  assert.deepEqual(response('[1,2]'), { output: [1, 2] })
  assert.deepEqual(response('12'), { output: '12' })
  assert.deepEqual(response('{broken'), { output: '{broken' })
  assert.deepEqual(response('no disk', { is_error: true }), { error: 'no disk' })
  // 2^64 would come out as another number.
  assert.deepEqual(response('{"n":18446744073709551616}'), {
    output: '{"n":18446744073709551616}',
  })
})

test('a picture in a result goes into it where the model looks there, else next to it', () => {
  const content = [
    { type: 'text', text: 'done' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
  ]
  const inlineData = { mimeType: 'image/png', data: 'AA==' }
  assert.deepEqual(resultOf(content), [
    {
      role: 'user',
      parts: [
        {
          functionResponse: {
            id: 'a',
            name: 'look',
            response: { output: 'done' },
            parts: [{ inlineData }],
          },
        },
      ],
    },
  ])
  assert.deepEqual(resultOf(content, {}, { model: older }), [
    {
      role: 'user',
      parts: [{ functionResponse: { name: 'look', response: { output: 'done' } } }],
    },
    { role: 'user', parts: [{ inlineData }] },
  ])
})

test('a result without its call is refused, also where fields may be dropped', () => {
  assert.throws(
    () =>
      encoded(
        { messages: [...hello, { role: 'tool', tool_call_id: 'zzz', content: 'x' }] },
        { dropUnsupported: true },
      ),
    refusal('messages[1].tool_call_id'),
  )
})

test('arguments that are no object are shown as they were written', () => {
  const [, model] = contentsOf([
    ...hello,
    { role: 'assistant', tool_calls: [call('a', 'look', '{"at":')] },
  ]) as [unknown, { parts: [{ functionCall: JsonObject }] }]
  assert.deepEqual(model.parts[0].functionCall['args'], { arguments: '{"at":' })
})

test('instructions alone become what is to be answered', () => {
  const { wire } = encoded({ messages: [{ role: 'system', content: 'Say hi.' }] })
  assert.deepEqual(wire, { contents: [{ role: 'user', parts: [{ text: 'Say hi.' }] }] })
})

test('the oldest open models get instructions as a first message', () => {
  const { wire } = encoded(
    { messages: [{ role: 'system', content: 'Be brief.' }, ...hello] },
    { model: 'gemma-3-27b-it' },
  )
  assert.equal(wire['systemInstruction'], undefined)
  assert.equal((wire['contents'] as unknown[]).length, 2)
})

test('media: fetched bytes before links, uploaded files by their whole address', () => {
  const url = 'https://pictures.example/cat.webp?size=2'
  const content = [
    { type: 'image_url', image_url: { url } },
    { type: 'image_url', image_url: { url: 'https://pictures.example/dog' } },
    { type: 'file', file: { file_id: 'files/abc', filename: 'a.pdf' } },
    { type: 'file', file: { file_id: 'gs://bucket/film.mp4' } },
    {
      type: 'video_url',
      video_url: { url: 'https://video.example/v.mp4' },
      video_metadata: { fps: 2 },
    },
    { type: 'text', text: '' },
  ]
  const parts = (images?: Asked['images']): unknown =>
    (contentsOf([{ role: 'user', content }], images ? { images } : {}) as [JsonObject])[0]['parts']
  assert.deepEqual(parts(), [
    { fileData: { mimeType: 'image/webp', fileUri: url } },
    { fileData: { mimeType: 'image/jpeg', fileUri: 'https://pictures.example/dog' } },
    {
      fileData: {
        mimeType: 'application/pdf',
        fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc',
      },
    },
    { fileData: { mimeType: 'video/mp4', fileUri: 'gs://bucket/film.mp4' } },
    {
      fileData: { mimeType: 'video/mp4', fileUri: 'https://video.example/v.mp4' },
      videoMetadata: { fps: 2 },
    },
  ])
  const fetched = parts(new Map([[url, { mediaType: 'image/webp', base64: 'UklGRg==' }]]))
  assert.deepEqual((fetched as JsonObject[])[0], {
    inlineData: { mimeType: 'image/webp', data: 'UklGRg==' },
  })
})

test('reasoning_effort is a level or a budget, as the model knows it', () => {
  const thinking = (model: string, effort: string): unknown =>
    (configOf({ reasoning_effort: effort }, { model }) as JsonObject)['thinkingConfig']
  const level = (name: string) => ({ thinkingLevel: name, includeThoughts: true })
  const budget = (tokens: number) => ({ thinkingBudget: tokens, includeThoughts: true })
  assert.deepEqual(thinking(newer, 'minimal'), level('MINIMAL'))
  assert.deepEqual(thinking('gemini-3.1-pro-preview', 'minimal'), level('LOW'))
  assert.deepEqual(thinking('gemini-3.1-pro-preview', 'medium'), level('MEDIUM'))
  assert.deepEqual(thinking('gemini-3-pro-preview', 'medium'), level('HIGH'))
  assert.deepEqual(thinking('gemini-flash-latest', 'xhigh'), level('HIGH'))
  assert.deepEqual(thinking(older, 'medium'), budget(8192))
  assert.deepEqual(thinking('models/gemini-2.5-pro', 'xhigh'), budget(32768))
  assert.deepEqual(thinking('tunedModels/mine-7', 'high'), budget(24576))
  assert.deepEqual(thinking(older, 'none'), { thinkingBudget: 0, includeThoughts: false })
})

test('what a model cannot be told about thinking is refused, or dropped where that is preferred', () => {
  for (const [model, effort] of [
    ['gemini-2.5-pro', 'none'],
    ['gemini-2.0-flash', 'low'],
    [newer, 'frantic'],
  ] as const) {
    const wire = { reasoning_effort: effort }
    assert.throws(() => encoded(wire, { model }), refusal('reasoning_effort'))
    const { dropped, wire: body } = encoded(wire, { model, dropUnsupported: true })
    assert.deepEqual(dropped, ['reasoning_effort'])
    assert.equal(body['generationConfig'], undefined)
  }
  assert.equal(configOf({ reasoning_effort: 'none' }, { model: 'gemini-2.0-flash' }), undefined)
})

test("Gemini's own words pass, at the top or as Google's OpenAI endpoint takes them", () => {
  const safety = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }]
  const { wire, dropped } = encoded({
    temperature: 0.2,
    top_k: 5,
    safety_settings: safety,
    generation_config: { temperature: 0.4, media_resolution: 'MEDIA_RESOLUTION_LOW' },
    extra_body: { google: { thinking_config: { thinking_level: 'low' }, aurora: 1 }, other: 2 },
    google: { cached_content: 'cachedContents/x' },
  })
  assert.deepEqual(wire['generationConfig'], {
    temperature: 0.4,
    topK: 5,
    thinkingConfig: { thinkingLevel: 'low' },
    mediaResolution: 'MEDIA_RESOLUTION_LOW',
  })
  assert.deepEqual(wire['safetySettings'], safety)
  assert.equal(wire['cachedContent'], 'cachedContents/x')
  assert.deepEqual(dropped, ['extra_body.other', 'google.aurora'])
})

test('labels are for Google Cloud, service tiers for the other', () => {
  const asked = { labels: { team: 'a' }, service_tier: 'flex' }
  const cloud = encoded(asked, { api: 'vertex' })
  assert.deepEqual(cloud.wire['labels'], { team: 'a' })
  assert.deepEqual(cloud.dropped, ['service_tier'])
  const own = encoded(asked)
  assert.equal(own.wire['serviceTier'], 'flex')
  assert.deepEqual(own.dropped, ['labels'])
})

test("tools on Google's side pass beside functions, and a search can be asked for in OpenAI's way", () => {
  const tools = [
    { code_execution: {} },
    { type: 'function', function: { name: 'look' } },
    { type: 'shell' },
  ]
  assert.throws(() => encoded({ tools }), refusal('tools[2]'))
  const { wire } = encoded({ tools: tools.slice(0, 2), web_search_options: {} })
  assert.deepEqual(wire['tools'], [
    { functionDeclarations: [{ name: 'look' }] },
    { codeExecution: {} },
    { googleSearch: {} },
  ])
})

test('some allowed and none required: the others are not shown', () => {
  const tools = ['look', 'time'].map((name) => ({ type: 'function', function: { name } }))
  const allowed = { mode: 'auto', tools: [{ type: 'function', function: { name: 'time' } }] }
  const { wire } = encoded({
    tools,
    tool_choice: { type: 'allowed_tools', allowed_tools: allowed },
  })
  assert.deepEqual(wire['tools'], [{ functionDeclarations: [{ name: 'time' }] }])
  assert.equal(wire['toolConfig'], undefined)
})

test('a form of the answer beside tools: older models get it as one tool more', () => {
  const tools = [{ type: 'function', function: { name: 'answer_as_json' } }]
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const format = { type: 'json_schema', json_schema: { name: 'x', schema } }
  const both = encoded({ tools, response_format: format }, { model: older })
  assert.equal(both.answerTool, 'answer_as_json_')
  assert.deepEqual(both.wire['toolConfig'], { functionCallingConfig: { mode: 'ANY' } })
  assert.equal(both.wire['generationConfig'], undefined)

  const hidden = encoded({ tools, tool_choice: 'none', response_format: format }, { model: older })
  assert.equal(hidden.answerTool, null)
  assert.equal(hidden.wire['tools'], undefined)
  assert.deepEqual(hidden.wire['generationConfig'], {
    responseMimeType: 'application/json',
    responseJsonSchema: schema,
  })

  const anyJson = { tools, response_format: { type: 'json_object' } }
  const asked = encoded(anyJson, { model: older }).wire
  assert.match(JSON.stringify(asked['systemInstruction']), /exactly one JSON object/)
  assert.equal(asked['generationConfig'], undefined)

  const forced = { tools, response_format: format, tool_choice: 'required' }
  const { answerTool, dropped } = encoded(forced, { model: older })
  assert.deepEqual([answerTool, dropped], [null, ['response_format']])
})

test('speech: a voice, and sound alone from models that only speak', () => {
  const asked = { modalities: ['text', 'audio'], audio: { voice: 'Kore', format: 'pcm16' } }
  const speechConfig = { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } }
  assert.deepEqual(configOf(asked, { model: 'gemini-2.5-flash-preview-tts' }), {
    responseModalities: ['AUDIO'],
    speechConfig,
  })
  assert.deepEqual(configOf(asked), { responseModalities: ['TEXT', 'AUDIO'], speechConfig })
  assert.throws(
    () => encoded({ ...asked, audio: { voice: 'Kore', format: 'mp3' } }),
    refusal('audio.format'),
  )
})
