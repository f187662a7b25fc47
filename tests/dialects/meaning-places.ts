// Everything a chat request can say, place by place. Each adds itself to a request under a mark of its own.

export type Draft = Record<string, unknown> & { messages: Record<string, unknown>[] }

export interface Place {
  readonly name: string
  /** Words of which one is in the name of a parameter that points here. */
  readonly words: readonly string[]
  /** Texts that must arrive as they are; none where the value is only one of a few words or a number. */
  add(request: Draft, mark: string): readonly string[]
}

type Adding = (request: Draft, mark: string) => void

const place = (name: string, words: readonly string[], add: Adding): Place => ({
  name,
  words,
  add(request, mark) {
    add(request, mark)
    return [mark]
  },
})

const part = (name: string, words: readonly string[], make: (mark: string) => object): Place =>
  place(name, [...words, 'content'], (request, mark) => {
    request.messages.push({ role: 'user', content: [make(mark)] })
  })

const message = (
  name: string,
  words: readonly string[],
  make: (mark: string) => Record<string, unknown>,
): Place =>
  place(name, words, (request, mark) => {
    request.messages.push({ role: 'user', content: 'Go on.' }, make(mark))
  })

/** A call of a tool and its result. */
const exchange = (
  name: string,
  words: readonly string[],
  make: (mark: string) => { call?: object; result?: Record<string, unknown> },
): Place =>
  place(name, words, (request, mark) => {
    const id = `call_${request.messages.length}`
    const { call, result } = make(mark)
    const plain = { id, type: 'function', function: { name: 'look', arguments: '{}' } }
    request.messages.push(
      { role: 'user', content: 'Go on.' },
      { role: 'assistant', content: null, tool_calls: [{ ...plain, ...call }] },
      { role: 'tool', tool_call_id: id, content: 'seen', ...result },
    )
  })

const tool = (name: string, words: readonly string[], make: (mark: string) => object): Place =>
  place(name, [...words, 'tools'], (request, mark) => {
    const tools = (request['tools'] ?? []) as object[]
    request['tools'] = [...tools, make(mark)]
  })

const called = (name: string, more: object = {}) => ({
  type: 'function',
  function: {
    name,
    parameters: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] },
    ...more,
  },
})

const closed = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

const format = (name: string, make: (mark: string) => object): Place =>
  place(name, ['response_format'], (request, mark) => {
    request['response_format'] = { type: 'json_schema', json_schema: make(mark) }
  })

export const places: readonly Place[] = [
  message('a system message', ['messages'], (mark) => ({ role: 'system', content: mark })),
  message('a developer message', ['messages'], (mark) => ({ role: 'developer', content: mark })),
  message('a user message', ['messages'], (mark) => ({ role: 'user', content: mark })),
  message('an answer', ['messages'], (mark) => ({ role: 'assistant', content: mark })),
  message('a refusal', ['refusal', 'messages'], (mark) => ({
    role: 'assistant',
    content: null,
    refusal: mark,
  })),
  message('a refusal as a part', ['refusal', 'content'], (mark) => ({
    role: 'assistant',
    content: [{ type: 'refusal', refusal: mark }],
  })),
  message('a name', ['name'], (mark) => ({ role: 'user', content: 'Hi', name: mark })),
  message('a member beside a message', ['unheard_of'], (mark) => ({
    role: 'user',
    content: 'Hi',
    unheard_of: mark,
  })),
  exchange('a member beside a result', ['unheard_of'], (mark) => ({
    result: { unheard_of: mark },
  })),
  message('a thought', ['reasoning_content'], (mark) => ({
    role: 'assistant',
    content: 'Hm.',
    reasoning_content: mark,
  })),
  message('a thought of another provider', ['reasoning_details', 'reasoning'], (mark) => ({
    role: 'assistant',
    content: 'Hm.',
    reasoning_details: [{ type: 'reasoning.text', text: mark, signature: 's', format: 'other-v1' }],
  })),
  message('an earlier spoken answer', ['audio'], (mark) => ({
    role: 'assistant',
    content: 'Hm.',
    audio: { id: mark },
  })),
  part('a text part', ['text'], (mark) => ({ type: 'text', text: mark })),
  part('a member beside a text', ['unheard_of'], (mark) => ({
    type: 'text',
    text: 'Hi',
    unheard_of: mark,
  })),
  part('an image as data', ['image_url'], (mark) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${mark}` },
  })),
  part('an image by link', ['image_url'], (mark) => ({
    type: 'image_url',
    image_url: { url: `https://pictures.example/${mark}.png` },
  })),
  part('a file', ['file'], (mark) => ({
    type: 'file',
    file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${mark}` },
  })),
  part('the name of a file', ['file', 'filename'], (mark) => ({
    type: 'file',
    file: { filename: `${mark}.pdf`, file_data: 'data:application/pdf;base64,JVBERi0xLjQK' },
  })),
  part('a file kept elsewhere', ['file', 'file_id'], (mark) => ({
    type: 'file',
    file: { file_id: mark },
  })),
  part('a recording', ['input_audio'], (mark) => ({
    type: 'input_audio',
    input_audio: { data: mark, format: 'wav' },
  })),
  part('a film', ['video_url'], (mark) => ({
    type: 'video_url',
    video_url: { url: `data:video/mp4;base64,${mark}` },
  })),
  part('a part nobody knows', ['hologram', 'type'], (mark) => ({
    type: 'hologram',
    hologram: mark,
  })),
  exchange('the name of a called tool', ['tool_calls'], (mark) => ({
    call: { function: { name: mark, arguments: '{}' } },
  })),
  exchange('an argument', ['tool_calls'], (mark) => ({
    call: { function: { name: 'look', arguments: JSON.stringify({ at: [mark] }) } },
  })),
  exchange('arguments that are no JSON', ['tool_calls'], (mark) => ({
    call: { function: { name: 'look', arguments: `{"at": ${mark}` } },
  })),
  exchange('the input of a custom tool', ['tool_calls'], (mark) => ({
    call: { type: 'custom', custom: { name: 'look', input: mark } },
  })),
  exchange('a result', ['messages'], (mark) => ({ result: { content: mark } })),
  exchange('a result in parts', ['content'], (mark) => ({
    result: { content: [{ type: 'text', text: mark }] },
  })),
  exchange('a result in JSON', ['content'], (mark) => ({
    result: { content: JSON.stringify({ [mark]: [1] }) },
  })),
  tool('the name of a tool', ['name'], (mark) => called(mark)),
  tool('the description of a tool', ['description'], (mark) =>
    called('look', { description: mark }),
  ),
  tool('a parameter of a tool', ['parameters'], (mark) =>
    called('look', { parameters: closed({ [mark]: { type: 'string' } }) }),
  ),
  tool('a remark on a parameter', ['parameters'], (mark) =>
    called('look', { parameters: closed({ at: { type: 'string', description: mark } }) }),
  ),
  tool('a choice of a strict tool', ['parameters'], (mark) =>
    called('look', {
      strict: true,
      parameters: closed({ at: { type: 'string', enum: [mark, 'other'] } }),
    }),
  ),
  tool('a member beside a tool', ['unheard_of'], (mark) => ({
    ...called('look'),
    unheard_of: mark,
  })),
  tool('a custom tool', ['custom'], (mark) => ({ type: 'custom', custom: { name: mark } })),
  format('a member of the answer', (mark) => ({
    name: 'person',
    strict: true,
    schema: closed({ [mark]: { type: 'string' } }),
  })),
  format('a pattern of the answer', (mark) => ({
    name: 'person',
    schema: closed({ id: { type: 'string', pattern: mark } }),
  })),
  format('an open answer', (mark) => ({
    name: 'person',
    schema: { type: 'object', properties: { [mark]: { type: 'object' } } },
  })),
  place('a text to stop at', ['stop'], (request, mark) => {
    request['stop'] = ['END', mark]
  }),
  place('the user', ['user'], (request, mark) => {
    request['user'] = mark
  }),
  place('a label', ['metadata'], (request, mark) => {
    request['metadata'] = { [mark]: 'yes' }
  }),
  place('a parameter nobody knows', ['unheard_of'], (request, mark) => {
    request['unheard_of'] = mark
  }),
  place('a voice', ['audio', 'modalities'], (request, mark) => {
    request['modalities'] = ['text', 'audio']
    request['audio'] = { voice: mark, format: 'wav' }
  }),
  place('a prediction', ['prediction'], (request, mark) => {
    request['prediction'] = { type: 'content', content: mark }
  }),
  place('where to search', ['web_search_options'], (request, mark) => {
    request['web_search_options'] = {
      user_location: { type: 'approximate', approximate: { city: mark } },
    }
  }),
  place('an older tool', ['functions'], (request, mark) => {
    request['functions'] = [{ name: mark, parameters: { type: 'object', properties: {} } }]
  }),
]

/** A value of each parameter that asks for what does not happen anyway. */
export const parameterValues: Readonly<Record<string, unknown>> = {
  max_completion_tokens: 5003,
  max_tokens: 5003,
  temperature: 0.25,
  top_p: 0.75,
  n: 3,
  stop: ['END'],
  seed: 70_707,
  frequency_penalty: 0.375,
  presence_penalty: 0.625,
  logit_bias: { 50256: -100 },
  logprobs: true,
  top_logprobs: 4,
  tools: [called('look')],
  tool_choice: 'required',
  parallel_tool_calls: false,
  response_format: { type: 'json_object' },
  reasoning_effort: 'high',
  verbosity: 'low',
  modalities: ['text', 'audio'],
  audio: { voice: 'alloy', format: 'wav' },
  prediction: { type: 'content', content: 'Yes.' },
  web_search_options: {},
  metadata: { run: '7' },
  store: true,
  service_tier: 'flex',
  user: 'user-1',
  safety_identifier: 'person-1',
  prompt_cache_key: 'key-1',
  prompt_cache_retention: '24h',
  functions: [{ name: 'look', parameters: { type: 'object', properties: {} } }],
  function_call: { name: 'look' },
}
