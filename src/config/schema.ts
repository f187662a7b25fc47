import Type, { type Static } from 'typebox'
import { budget, customerSchema, labels, limits, teamSchema } from './schema-allowance.ts'
import {
  amount,
  block,
  choice,
  count,
  duration,
  flag,
  positiveDuration,
  restriction,
  secret,
  size,
  text,
} from './schema-leaf.ts'
import { headerNamePattern, providerSchema } from './schema-provider.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const logFormats = ['pretty', 'json'] as const

const server = block(
  {
    host: text({ default: '127.0.0.1' }),
    port: Type.Integer({
      default: 8080,
      minimum: 0,
      maximum: 65_535,
      title: 'a port number from 0 to 65535',
      description: '0: any free port.',
    }),
    max_body: size({ default: '100MiB' }),
    max_reply: size({ default: '32MiB' }),
    max_buffered: size({ default: '512MiB', description: 'All bodies in memory together.' }),
    max_in_flight: block(
      { plain: count(1, { default: 2_000 }), streams: count(1, { default: 10_000 }) },
      { default: {} },
    ),
    cors: Type.Optional(
      block({
        origins: restriction(text(), { description: 'A grant: absent means no origin.' }),
      }),
    ),
    hosts: Type.Optional(
      restriction(text(), { description: 'Host names under which anonymous callers may come.' }),
    ),
    trusted_proxies: Type.Optional(
      restriction(text(), { description: 'Addresses or ranges whose x-forwarded-for counts.' }),
    ),
    metrics: choice(['private', 'public'], { default: 'private' }),
    drain: block(
      { delay: duration({ default: '5s' }), grace: duration({ default: '600s' }) },
      { default: {} },
    ),
    stream: block(
      {
        hold: duration({ default: '15s' }),
        keep_alive: positiveDuration({ default: '15s' }),
      },
      { default: {} },
    ),
  },
  { default: {} },
)

const models = Type.Optional(
  restriction(text(), { description: 'Model names; * matches any characters. Absent: all.' }),
)

const auth = block(
  {
    inference: choice(['required', 'optional'], { default: 'required' }),
    admin: block(
      { username: text({ default: 'admin' }), password: Type.Optional(secret({ minLength: 1 })) },
      { default: {} },
    ),
    anonymous: Type.Optional(block({ models, limits, budget })),
  },
  { default: {} },
)

const model = block({
  strategy: choice(['priority', 'weighted', 'least-latency'], { default: 'priority' }),
  targets: Type.Array(block({ model: text(), weight: amount({ default: 1 }) }), {
    minItems: 1,
    title: 'a list',
  }),
  fallbacks: Type.Array(text(), { default: [], title: 'a list of provider/model names' }),
  limits,
  budget,
  hedge: Type.Optional(
    block(
      {
        extra_percent: Type.Number({
          minimum: 1,
          maximum: 100,
          title: 'a number from 1 to 100',
          description: 'What second attempts may cost at most, in percent of what all calls cost.',
        }),
        after: duration({
          default: '0s',
          description:
            'The least time before a second attempt; the times of the model may make it more.',
        }),
      },
      { description: 'Ask another way as well when the first is later than 19 of 20 were.' },
    ),
  ),
})

const virtualKey = block({
  name: text({ maxLength: 128, title: 'a name of at most 128 characters' }),
  value: secret({ minLength: 1, description: `sk-bf- and a UUID, best as "\${NAME}".` }),
  models,
  providers: Type.Optional(
    restriction(text(), { description: 'Providers it may be served by, by name. Absent: all.' }),
  ),
  provider_keys: Type.Optional(
    restriction(text(), { description: 'Keys it may be served with, provider/key. Absent: all.' }),
  ),
  team: Type.Optional(text({ description: 'The team it belongs to, by name.' })),
  customer: Type.Optional(text({ description: 'The customer it belongs to, by name.' })),
  metadata: labels,
  limits,
  budget,
  expires_at: Type.Optional(text({ title: 'a time such as 2027-01-01T00:00:00Z' })),
  enabled: flag(true),
  log_content: flag(true, {
    description: 'False: what is said in its calls is not kept, whatever request_log says.',
  }),
  allow_pinning: flag(false, { description: 'May choose a provider key by x-bf-api-key.' }),
  forward_headers: Type.Optional(
    restriction(text({ pattern: headerNamePattern, title: 'an HTTP header name' }), {
      description: 'What x-bf-eh-<name> may carry to the provider. Absent: nothing.',
    }),
  ),
})

const priceFields = {
  input_per_million: amount(),
  cached_input_per_million: Type.Optional(amount({ description: 'Absent: as the input.' })),
  cache_write_per_million: Type.Optional(amount({ description: 'Absent: as the input.' })),
  audio_input_per_million: Type.Optional(amount({ description: 'Absent: as the input.' })),
  output_per_million: amount(),
  audio_output_per_million: Type.Optional(amount({ description: 'Absent: as the output.' })),
  per_request: Type.Optional(amount({ description: 'Of every call, besides its tokens.' })),
  from: Type.Optional(
    text({
      description: 'In force from this time on, such as 2026-01-01T00:00:00Z. Absent: ever.',
    }),
  ),
}

const price = block({
  ...priceFields,
  earlier: Type.Array(block(priceFields), {
    default: [],
    title: 'a list of prices',
    description: 'What it cost before, each with its own "from".',
  }),
})

const jobs = block(
  {
    concurrency: count(1, { default: 64 }),
    per_key_concurrency: count(1, { default: 16 }),
    queue_limit: count(1, { default: 10_000 }),
    per_key_queue_limit: count(1, { default: 5_000 }),
    result_ttl: positiveDuration({ default: '1h' }),
    max_result_ttl: positiveDuration({ default: '7d' }),
    max_attempts: count(1, { default: 3 }),
    max_body: size({ default: '10MiB' }),
    max_result: size({ default: '32MiB' }),
    queue_bytes: size({ default: '5GiB' }),
  },
  { default: {} },
)

const requestLog = block(
  {
    enabled: flag(true),
    content: choice(['none', 'errors', 'all'], {
      default: 'none',
      description: 'What is kept of what was said: nothing, of calls that failed, or of all.',
    }),
    content_keep: positiveDuration({ default: '7d', description: 'How long that is kept.' }),
    keep: positiveDuration({ default: '30d' }),
    max_size: size({ default: '5GiB', description: 'Of all there is; then the oldest goes.' }),
    max_body: size({ default: '256KiB', description: 'Of a request or reply that is kept.' }),
    client_address: choice(['none', 'masked', 'full'], {
      default: 'masked',
      description: 'masked: the network a client is in, not which one of it.',
    }),
  },
  { default: {} },
)

export const configSchema = block({
  $schema: Type.Optional(text({ description: 'For editors.' })),
  version: Type.Literal(1, { title: '1' }),
  server,
  auth,
  providers: Type.Record(
    Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
    providerSchema,
    {
      default: {},
      additionalProperties: false,
      title: 'a provider name of letters, digits, dots, dashes and underscores',
    },
  ),
  models: Type.Record(Type.String({ pattern: '^\\S+$' }), model, {
    default: {},
    additionalProperties: false,
    title: 'a model name without spaces',
  }),
  virtual_keys: Type.Array(virtualKey, { default: [], title: 'a list' }),
  teams: Type.Array(teamSchema, { default: [], title: 'a list' }),
  customers: Type.Array(customerSchema, { default: [], title: 'a list' }),
  prices: Type.Record(Type.String({ pattern: '^[^\\s/]+/\\S+$' }), price, {
    default: {},
    additionalProperties: false,
    title: 'provider/model',
  }),
  jobs,
  request_log: requestLog,
  store: Type.Optional(block({ url: secret({ minLength: 1 }) })),
  compat: block({ extra_fields: flag(false) }, { default: {} }),
  log: block(
    {
      level: choice(logLevels, { default: 'info' }),
      format: Type.Optional(choice(logFormats)),
    },
    { default: {} },
  ),
})

/** The file as written, with every default filled in. */
export type RawConfig = Static<typeof configSchema>
export type RawProvider = RawConfig['providers'][string]
export type RawProviderKey = NonNullable<RawProvider['keys']>[number]
export type RawModel = RawConfig['models'][string]
export type RawVirtualKey = RawConfig['virtual_keys'][number]
