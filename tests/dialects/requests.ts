// What every dialect must be able to say, or refuse in words: requests in OpenAI's form, by what they are about.

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a place.',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', description: 'Name of the city' },
        unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
      },
      required: ['city'],
      additionalProperties: false,
    },
    strict: true,
  },
}
const clock = { type: 'function', function: { name: 'get_time' } }
const ask = { role: 'user', content: 'What is the weather in Oslo, and what time is it?' }
const model = 'm'
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=='
const call = (id: string, name: string, args: string) => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: ['integer', 'null'] } },
  required: ['name', 'age'],
  additionalProperties: false,
}

const named = (name: string, parameters: object) => ({
  type: 'function',
  function: { name, parameters },
})
const item = { type: 'object', properties: { n: { type: 'integer', enum: [1, 2] } } }
const tree = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { children: { type: 'array', items: { $ref: '#/$defs/node' } } },
      required: ['children'],
      additionalProperties: false,
    },
  },
}
/** As they come from servers of tools and from libraries that make schemas of types. */
const schemas = [
  named('nothing', {}),
  named('no_properties', { type: 'object' }),
  named('references', {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      plain: { $ref: '#/$defs/item' },
      told: { $ref: '#/$defs/item', description: 'An item.' },
      ruled: { $ref: '#/$defs/item', title: 'Item', minProperties: 1 },
    },
    $defs: { item },
  }),
  named('recursive', tree),
  named('alternatives', {
    anyOf: [
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      { type: 'object', properties: { b: { type: ['string', 'null'] } } },
    ],
  }),
  named('untyped', { properties: { any: {}, maybe: { type: 'string', nullable: true } } }),
]

export const canonicalRequests: Readonly<Record<string, object>> = {
  text: { model, messages: [{ role: 'user', content: 'Hello' }] },
  'text, streamed': { model, stream: true, messages: [{ role: 'user', content: 'Hello' }] },
  'system and developer': {
    model,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [{ type: 'text', text: 'Answer in French.' }] },
      { role: 'user', content: 'Hello' },
    ],
  },
  'parameters all have': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    max_completion_tokens: 100,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END', 'STOP'],
  },
  'values that ask for what happens anyway': {
    model,
    messages: [{ role: 'user', content: 'Hello', name: null }],
    n: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    logprobs: false,
    tools: [],
    seed: null,
    response_format: { type: 'text' },
  },
  'companions that may be left out': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    metadata: { run: '7' },
    store: false,
    service_tier: 'auto',
    user: 'user-1',
    prompt_cache_key: 'k',
  },
  seed: { model, messages: [{ role: 'user', content: 'Hello' }], seed: 7 },
  penalties: {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    presence_penalty: 0.5,
    frequency_penalty: 0.25,
  },
  'several answers': { model, messages: [{ role: 'user', content: 'Hello' }], n: 2 },
  'log probabilities': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    logprobs: true,
    top_logprobs: 3,
  },
  'image as data': {
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } },
        ],
      },
    ],
  },
  'image by link': {
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://pictures.example/cat.jpg' } },
          { type: 'text', text: 'What is this?' },
        ],
      },
    ],
  },
  'file as data': {
    model,
    messages: [
      {
        role: 'user',
        content: [
          {
            type: 'file',
            file: { filename: 'note.pdf', file_data: 'data:application/pdf;base64,JVBERi0xLjQK' },
          },
          { type: 'text', text: 'Sum it up.' },
        ],
      },
    ],
  },
  audio: {
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
          { type: 'text', text: 'What is said?' },
        ],
      },
    ],
  },
  tools: { model, messages: [ask], tools: [weather, clock] },
  'tools, choice auto': { model, messages: [ask], tools: [weather, clock], tool_choice: 'auto' },
  'tools, choice none': { model, messages: [ask], tools: [weather, clock], tool_choice: 'none' },
  'tools, choice required': {
    model,
    messages: [ask],
    tools: [weather, clock],
    tool_choice: 'required',
  },
  'tools, one named': {
    model,
    messages: [ask],
    tools: [weather, clock],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  },
  'tools, some allowed': {
    model,
    messages: [ask],
    tools: [weather, clock],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: {
        mode: 'required',
        tools: [{ type: 'function', function: { name: 'get_time' } }],
      },
    },
  },
  'tools, one at a time': {
    model,
    messages: [ask],
    tools: [weather, clock],
    parallel_tool_calls: false,
  },
  'tool results, parallel and out of order': {
    model,
    messages: [
      ask,
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [
          call('call_a', 'get_weather', '{"city":"Oslo"}'),
          call('call_b', 'get_time', ''),
        ],
      },
      { role: 'tool', tool_call_id: 'call_b', content: '12:00' },
      { role: 'tool', tool_call_id: 'call_a', content: [{ type: 'text', text: '{"degrees":3}' }] },
      { role: 'user', content: 'Go on.' },
    ],
    tools: [weather, clock],
  },
  'tool results, no tools offered any more': {
    model,
    messages: [
      ask,
      {
        role: 'assistant',
        content: null,
        tool_calls: [call('call_a', 'get_weather', '{"city":"Oslo"}')],
      },
      { role: 'tool', tool_call_id: 'call_a', content: '3 degrees' },
    ],
  },
  'structured output': {
    model,
    messages: [{ role: 'user', content: 'Who is it?' }],
    response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } },
  },
  'structured output beside tools': {
    model,
    messages: [{ role: 'user', content: 'Who is it?' }],
    tools: [clock],
    response_format: { type: 'json_schema', json_schema: { name: 'person', schema } },
  },
  'any JSON': {
    model,
    messages: [{ role: 'user', content: 'Answer in JSON.' }],
    response_format: { type: 'json_object' },
  },
  'reasoning, low': {
    model,
    messages: [{ role: 'user', content: 'Think.' }],
    reasoning_effort: 'low',
  },
  'reasoning, high, with a limit': {
    model,
    messages: [{ role: 'user', content: 'Think.' }],
    reasoning_effort: 'high',
    max_completion_tokens: 3000,
  },
  'reasoning, none': {
    model,
    messages: [{ role: 'user', content: 'Do not think.' }],
    reasoning_effort: 'none',
  },
  'many turns': {
    model,
    messages: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'One' },
      { role: 'user', content: 'Two' },
      { role: 'assistant', content: 'Three' },
      { role: 'assistant', content: 'Four' },
      { role: 'user', content: [{ type: 'text', text: 'Five' }] },
      { role: 'assistant', content: null, refusal: 'I will not.' },
      { role: 'system', content: 'Be very kind.' },
      { role: 'user', content: 'Six' },
    ],
  },
  'begins with the assistant': {
    model,
    messages: [
      { role: 'assistant', content: 'How can I help?' },
      { role: 'user', content: 'Tell me.' },
    ],
  },
  'ends with the user saying nothing': {
    model,
    messages: [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Two' },
      { role: 'user', content: '' },
    ],
  },
  'instructions alone': { model, messages: [{ role: 'system', content: 'Sing.' }] },
  'ids that come again, a call without a result, arguments that are none': {
    model,
    messages: [
      ask,
      { role: 'assistant', content: '', tool_calls: [call('0', 'get_time', '{}')] },
      { role: 'tool', tool_call_id: '0', content: '12:00' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [call('0', 'get_time', '[1]'), call('1', 'get_weather', '{"city":')],
      },
      { role: 'tool', tool_call_id: '0', content: '12:01' },
      { role: 'user', content: 'Never mind.' },
    ],
    tools: [weather, clock],
  },
  'ids of another provider': {
    model,
    messages: [
      ask,
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          call('functions.get_time:0', 'get_time', '{}'),
          call('', 'get_weather', '{"city":"Oslo"}'),
        ],
      },
      { role: 'tool', tool_call_id: '', content: '3 degrees' },
      { role: 'tool', tool_call_id: 'functions.get_time:0', content: '' },
    ],
    tools: [weather, clock],
  },
  'a picture as a result': {
    model,
    messages: [
      ask,
      { role: 'assistant', content: null, tool_calls: [call('a', 'get_time', '{}')] },
      {
        role: 'tool',
        tool_call_id: 'a',
        content: [
          { type: 'text', text: 'See:' },
          { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${png}` } },
        ],
      },
    ],
    tools: [clock],
  },
  'tools of all kinds of schemas': { model, messages: [ask], tools: schemas },
  'structured output that refers to itself': {
    model,
    messages: [{ role: 'user', content: 'Draw a tree.' }],
    response_format: { type: 'json_schema', json_schema: { name: 'tree', schema: tree } },
  },
  'any JSON beside tools': {
    model,
    messages: [{ role: 'user', content: 'Answer in JSON.' }],
    tools: [clock],
    response_format: { type: 'json_object' },
  },
  'a tool is required and none is offered': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    tool_choice: 'required',
  },
  'limits and samples at their ends': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 1,
    temperature: 0,
    top_p: 1,
    stop: [''],
  },
  'what old clients and other gateways send': {
    model,
    messages: [
      { role: 'user', content: ['Hello', { type: 'text', text: 'there' }], name: '' },
      {
        role: 'assistant',
        content: null,
        function_call: { name: 'get_time', arguments: '{}' },
        provider_specific_fields: null,
        annotations: [],
      },
      { role: 'function', name: 'get_time', content: '12:00' },
    ],
    metadata: {},
  },
  'cache marks': {
    model,
    messages: [
      {
        role: 'system',
        content: [{ type: 'text', text: 'Long.', cache_control: { type: 'ephemeral' } }],
      },
      { role: 'user', content: 'Hello' },
    ],
  },
  'an unknown part': {
    model,
    messages: [{ role: 'user', content: [{ type: 'hologram', hologram: {} }] }],
  },
  'a custom tool': {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    tools: [{ type: 'custom', custom: { name: 'shell' } }],
  },
}
