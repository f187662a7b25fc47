import { Type } from 'typebox'

// What the gateway answers, as published. Never used to refuse a provider's answer: what it adds passes.

const open = { additionalProperties: true } as const

const orNull = (type: string, description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ type: [type, 'null'], description }))

const count = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }))

export const UsageSchema = Type.Object(
  {
    prompt_tokens: Type.Integer({ minimum: 0, description: 'Read, cached ones included.' }),
    completion_tokens: Type.Integer({ minimum: 0, description: 'Written, reasoning included.' }),
    total_tokens: Type.Integer({ minimum: 0 }),
    prompt_tokens_details: Type.Optional(
      Type.Object(
        {
          cached_tokens: count('Read from a cache, at a lower price.'),
          audio_tokens: count('Heard.'),
        },
        open,
      ),
    ),
    completion_tokens_details: Type.Optional(
      Type.Object(
        {
          reasoning_tokens: count('Thought, not shown.'),
          audio_tokens: count('Spoken.'),
          accepted_prediction_tokens: count('Predicted and used.'),
          rejected_prediction_tokens: count('Predicted and not used.'),
        },
        open,
      ),
    ),
  },
  { $id: 'Usage', description: 'Tokens, as the provider counts them.', ...open },
)

const finishReason =
  '`stop`, `length`, `tool_calls`, `content_filter` or `function_call`; null while it goes on.'

const ReplyToolCallSchema = Type.Object(
  {
    index: Type.Optional(
      Type.Integer({ description: 'Only in a stream: which call this belongs to.' }),
    ),
    id: Type.Optional(Type.String()),
    type: Type.Optional(Type.String({ description: '`function` or `custom`.' })),
    function: Type.Optional(
      Type.Object(
        { name: Type.Optional(Type.String()), arguments: Type.Optional(Type.String()) },
        open,
      ),
    ),
    custom: Type.Optional(
      Type.Object(
        { name: Type.Optional(Type.String()), input: Type.Optional(Type.String()) },
        open,
      ),
    ),
  },
  { $id: 'ReplyToolCall', description: 'A call, or in a stream a piece of one.', ...open },
)

const said = {
  content: orNull('string', 'The text.'),
  refusal: orNull('string', 'Why the model refused.'),
  tool_calls: Type.Optional(Type.Array(ReplyToolCallSchema)),
  audio: orNull('object', 'A spoken answer.'),
}

const envelope = {
  id: Type.String(),
  created: Type.Integer({ description: 'Seconds since 1970.' }),
  model: Type.String({ description: 'As the provider names it.' }),
  service_tier: orNull('string', 'The tier that served the call.'),
  system_fingerprint: orNull('string', "The provider's configuration."),
}

export const ChatReplySchema = Type.Object(
  {
    ...envelope,
    object: Type.Literal('chat.completion'),
    choices: Type.Array(
      Type.Object(
        {
          index: Type.Integer({ minimum: 0 }),
          message: Type.Object({ role: Type.String(), ...said }, open),
          finish_reason: orNull('string', finishReason),
          logprobs: orNull('object', 'How likely each token was, if asked for.'),
        },
        open,
      ),
    ),
    usage: Type.Optional(UsageSchema),
  },
  { $id: 'OpenAIChatResponse', description: 'A whole answer.', ...open },
)

export const ChatChunkSchema = Type.Object(
  {
    ...envelope,
    object: Type.Literal('chat.completion.chunk'),
    choices: Type.Array(
      Type.Object(
        {
          index: Type.Integer({ minimum: 0 }),
          delta: Type.Object({ role: Type.Optional(Type.String()), ...said }, open),
          finish_reason: orNull('string', finishReason),
          logprobs: orNull('object', 'How likely each token was, if asked for.'),
        },
        open,
      ),
      { description: 'Empty in the chunk that carries the usage.' },
    ),
    usage: Type.Optional(Type.Union([UsageSchema, Type.Null()])),
  },
  {
    $id: 'OpenAIChatStreamResponse',
    description:
      'The JSON after `data: ` of one event. The last event is `data: [DONE]`; a stream that broke ends with an ' +
      'event that holds an `error`, and without `[DONE]`.',
    ...open,
  },
)

export const ErrorEnvelopeSchema = Type.Object(
  {
    error: Type.Object(
      {
        message: Type.String({
          description: 'What happened, to which named thing, and what to do.',
        }),
        type: Type.String(),
        param: Type.Union([Type.String(), Type.Null()], {
          description: 'The field of the request at fault.',
        }),
        code: Type.Union([Type.String(), Type.Null()]),
      },
      open,
    ),
    is_bifrost_error: Type.Boolean({
      description: 'True where the gateway itself failed or refused, false where the provider did.',
    }),
    status_code: Type.Integer({ description: 'The same as the status of the reply.' }),
    type: Type.Optional(Type.String({ description: 'The decision in one word.' })),
    extra_fields: Type.Object({}, open),
  },
  { $id: 'Error', description: 'Why there is no answer.', ...open },
)

export const ModelSchema = Type.Object(
  {
    id: Type.String({ description: 'What to send as `model`.' }),
    object: Type.Literal('model'),
    created: Type.Integer({ description: 'Seconds since 1970.' }),
    owned_by: Type.String({ description: 'The provider.' }),
  },
  { $id: 'Model', ...open },
)

export const ModelListSchema = Type.Object(
  { object: Type.Literal('list'), data: Type.Array(ModelSchema) },
  { $id: 'ModelList', description: 'What the caller may use.', ...open },
)
