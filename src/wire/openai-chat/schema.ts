import { Type } from 'typebox'

// The one source of what a chat request may hold and of the published description. Everything is open
// (`additionalProperties: true`): providers add fields every month, and what we do not know must pass. An `$id` names
// what the description publishes as a component of its own.

type Kind = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object'

interface Limits {
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly items?: object
  readonly properties?: Readonly<Record<string, object>>
}

const open = { additionalProperties: true } as const

// OpenAI's clients send null for "not set" nearly everywhere, so nearly everything takes it.
const orNull = (kinds: Kind | readonly Kind[], description: string, limits: Limits = {}) =>
  Type.Optional(Type.Unsafe<unknown>({ type: [kinds, 'null'].flat(), description, ...limits }))

export const ContentPartSchema = Type.Object(
  {
    type: Type.String({
      description:
        '`text`, `image_url`, `input_audio`, `file` or `refusal`; others pass as they are.',
    }),
    text: Type.Optional(Type.String({ description: 'Of a `text` part.' })),
    image_url: Type.Optional(
      Type.Unsafe<unknown>({
        type: ['object', 'string'],
        description: 'Some providers take the bare address here.',
        properties: {
          url: Type.String({ description: 'An address, or the image itself as a `data:` URL.' }),
          detail: Type.String({ description: '`auto`, `low` or `high`.' }),
        },
        required: ['url'],
      }),
    ),
    input_audio: Type.Optional(
      Type.Object(
        {
          data: Type.String({ description: 'Base64.' }),
          format: Type.Optional(Type.String({ description: '`wav` or `mp3`.' })),
        },
        open,
      ),
    ),
    file: Type.Optional(
      Type.Object(
        {
          file_id: Type.Optional(Type.String()),
          file_data: Type.Optional(Type.String({ description: 'Base64, as a `data:` URL.' })),
          filename: Type.Optional(Type.String()),
        },
        open,
      ),
    ),
    refusal: Type.Optional(Type.String({ description: 'Of a `refusal` part.' })),
  },
  { $id: 'ContentPart', description: 'One part of a message.', ...open },
)

const ToolCallSchema = Type.Object(
  {
    id: Type.String(),
    type: Type.String({ description: '`function` or `custom`.' }),
    function: Type.Optional(
      Type.Object(
        {
          name: Type.String(),
          arguments: Type.String({
            description: 'JSON text as the model wrote it; it may be invalid.',
          }),
        },
        open,
      ),
    ),
    custom: Type.Optional(Type.Object({ name: Type.String(), input: Type.String() }, open)),
  },
  { $id: 'ToolCall', description: 'A tool the model wants called.', ...open },
)

export const ChatMessageSchema = Type.Object(
  {
    role: Type.String({
      description: '`system`, `developer`, `user`, `assistant`, `tool` or `function`.',
    }),
    content: Type.Optional(
      Type.Union([Type.String(), Type.Array(ContentPartSchema), Type.Null()], {
        description: 'Text, parts, or null where the message is only tool calls or a refusal.',
      }),
    ),
    name: orNull('string', 'Who speaks, where a role has several participants.'),
    tool_calls: Type.Optional(
      Type.Union([Type.Array(ToolCallSchema), Type.Null()], {
        description: 'Of an assistant: the calls it asked for.',
      }),
    ),
    tool_call_id: orNull('string', 'Of a tool: which call this answers.'),
    refusal: orNull('string', 'Of an assistant: why it refused.'),
    audio: orNull('object', 'Of an assistant: the id of an earlier spoken answer.'),
    function_call: orNull('object', 'The older form of `tool_calls`.'),
  },
  { $id: 'ChatMessage', description: 'One message of the conversation.', ...open },
)

export const ToolSchema = Type.Object(
  {
    type: Type.String({ description: '`function` or `custom`; others pass as they are.' }),
    function: Type.Optional(
      Type.Object(
        {
          name: Type.String(),
          description: orNull('string', 'When and how to use it, for the model.'),
          parameters: orNull(['object', 'string'], 'A JSON Schema of the arguments.'),
          strict: orNull('boolean', 'Whether the arguments must follow the schema exactly.'),
        },
        open,
      ),
    ),
    custom: Type.Optional(
      Type.Object(
        {
          name: Type.String(),
          description: orNull('string', 'When and how to use it, for the model.'),
          format: orNull('object', 'Text, or a grammar the input must follow.'),
        },
        open,
      ),
    ),
  },
  { $id: 'Tool', description: 'A tool the model may call.', ...open },
)

const publicName =
  'A name of the `models` block, or `provider/model`, or the bare name of a model that a provider lists.'

const requestFields = {
  messages: Type.Array(ChatMessageSchema, {
    minItems: 1,
    description: 'The conversation so far, the oldest message first.',
  }),
  stream: orNull('boolean', 'Whether to answer piece by piece as server-sent events.'),
  stream_options: orNull('object', 'Only with `stream`.', {
    properties: {
      include_usage: Type.Unsafe<boolean | null>({
        type: ['boolean', 'null'],
        description: 'Whether one more chunk before the end carries the usage.',
      }),
      include_obfuscation: Type.Unsafe<boolean | null>({
        type: ['boolean', 'null'],
        description: 'Whether chunks are padded to hide their length.',
      }),
    },
  }),
  max_completion_tokens: orNull('integer', 'The most tokens to write, reasoning included.', {}),
  max_tokens: orNull('integer', 'The older spelling; whichever is sent is passed on.', {}),
  temperature: orNull('number', 'From focused to varied.', { minimum: 0, maximum: 2 }),
  top_p: orNull('number', 'Choose among the most likely tokens of this share.', {
    minimum: 0,
    maximum: 1,
  }),
  n: orNull('integer', 'How many answers to write.', { minimum: 1 }),
  stop: orNull(['string', 'array'], 'One text or several; writing ends before any of them.', {
    items: { type: 'string' },
  }),
  seed: orNull('integer', 'Asks for repeatable answers, as far as the provider can.'),
  frequency_penalty: orNull('number', 'Against repeating what was written often.', {
    minimum: -2,
    maximum: 2,
  }),
  presence_penalty: orNull('number', 'Against repeating what was written at all.', {
    minimum: -2,
    maximum: 2,
  }),
  logit_bias: orNull('object', 'Token ids with a bias from -100 to 100.'),
  logprobs: orNull('boolean', 'Whether to tell how likely each token was.'),
  top_logprobs: orNull('integer', 'How many alternatives to tell for each token.', {
    minimum: 0,
    maximum: 20,
  }),
  tools: orNull('array', 'What the model may call.', { items: ToolSchema }),
  tool_choice: orNull(
    ['string', 'object'],
    '`none`, `auto`, `required`, or an object that names a tool or a set of allowed ones.',
  ),
  parallel_tool_calls: orNull('boolean', 'Whether several tools may be called at once.'),
  response_format: orNull(
    'object',
    'The form of the answer: `{"type":"text"}`, `{"type":"json_object"}` or ' +
      '`{"type":"json_schema","json_schema":{"name":…,"schema":…}}`.',
  ),
  reasoning_effort: orNull('string', '`none`, `minimal`, `low`, `medium`, `high` or `xhigh`.'),
  verbosity: orNull('string', '`low`, `medium` or `high`.'),
  modalities: orNull('array', 'What to answer in: `text`, `audio`.', { items: { type: 'string' } }),
  audio: orNull('object', 'Voice and format of a spoken answer.'),
  prediction: orNull('object', 'Text that the answer will mostly repeat.'),
  web_search_options: orNull('object', 'Where and how widely to search the web.'),
  metadata: orNull('object', 'Labels that the provider stores with the answer.'),
  store: orNull('boolean', 'Whether the provider may keep the answer.'),
  service_tier: orNull('string', '`auto`, `default`, `flex` or `priority`.'),
  user: orNull('string', 'Who the end user is, for the provider.'),
  safety_identifier: orNull('string', 'A stable, anonymous id of the end user.'),
  prompt_cache_key: orNull('string', 'Groups requests that share a beginning.'),
  prompt_cache_retention: orNull('string', '`in-memory` or `24h`.'),
  functions: orNull('array', 'The older form of `tools`.', { items: { type: 'object' } }),
  function_call: orNull(['string', 'object'], 'The older form of `tool_choice`.'),
  fallbacks: orNull(
    'array',
    "The gateway's own: `provider/model` names to try in this order where the model fails. It is not passed on.",
    { items: { type: 'string' } },
  ),
}

export const ChatRequestSchema = Type.Object(
  { model: Type.String({ description: publicName }), ...requestFields },
  { $id: 'OpenAIChatRequest', description: 'A chat completion to make.', ...open },
)

export const AzureChatRequestSchema = Type.Object(
  {
    model: orNull('string', 'Not needed: the deployment in the path decides.'),
    ...requestFields,
  },
  { $id: 'AzureChatRequest', description: 'A chat completion to make at a deployment.', ...open },
)
