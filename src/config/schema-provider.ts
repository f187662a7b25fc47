import Type, { type Static } from 'typebox'
import { budget, limits } from './schema-allowance.ts'
import {
  amount,
  block,
  count,
  flag,
  positiveDuration,
  restriction,
  secret,
  size,
  text,
} from './schema-leaf.ts'

export const headerNamePattern = "^[A-Za-z0-9!#$%&'+.^_`|~-]+$"

const timeouts = block(
  {
    connect: positiveDuration({ default: '5s' }),
    first_byte: Type.Optional(
      positiveDuration({
        description: 'Until the headers. Default: 120s for streams, total for plain calls.',
      }),
    ),
    first_token: Type.Optional(
      positiveDuration({
        description: 'Until the first event. Default: 300s for streams, total for plain calls.',
      }),
    ),
    idle: positiveDuration({ default: '120s', description: 'The longest silence.' }),
    total: positiveDuration({ default: '600s', description: 'A whole plain call.' }),
    stream_total: positiveDuration({ default: '3600s', description: 'A whole stream.' }),
    job: positiveDuration({ default: '1800s', description: 'A whole call of an async job.' }),
  },
  { default: {} },
)

const providerKey = block({
  name: Type.Optional(
    text({ maxLength: 128, description: 'For logs and pinning. Default: key-<n>.' }),
  ),
  value: Type.Optional(secret({ description: `The credential itself, best as "\${NAME}".` })),
  weight: amount({ default: 1, description: 'Share of the calls against the other keys.' }),
  models: Type.Optional(
    restriction(text(), { description: 'The models this key serves. Absent: all.' }),
  ),
  quota_group: Type.Optional(
    text({ description: 'Keys of one group share a provider quota. Default: each its own.' }),
  ),
  access_key_id: Type.Optional(
    secret({ description: 'Bedrock, with secret_access_key. Without keys: the standard chain.' }),
  ),
  secret_access_key: Type.Optional(secret()),
  session_token: Type.Optional(secret({ description: 'Of temporary AWS credentials.' })),
  profile: Type.Optional(
    text({ description: 'Bedrock: a profile of the shared AWS files, for the standard chain.' }),
  ),
  region: Type.Optional(text({ description: 'Bedrock.' })),
  project: Type.Optional(text({ description: 'Vertex.' })),
  location: Type.Optional(text({ description: 'Vertex: a region, us, eu or global.' })),
  credentials_file: Type.Optional(
    text({ description: 'Vertex: JSON. Without it and value: the default credentials.' }),
  ),
  tenant_id: Type.Optional(
    text({ description: 'Azure, by Microsoft Entra: with client_id and client_secret.' }),
  ),
  client_id: Type.Optional(text()),
  client_secret: Type.Optional(secret()),
  authority: Type.Optional(
    text({ description: 'Entra. Default: https://login.microsoftonline.com.' }),
  ),
  scope: Type.Optional(
    text({ description: 'Entra. Default: https://cognitiveservices.azure.com/.default.' }),
  ),
})

const fetchImages = block(
  {
    max_bytes: size({ default: '20MiB', description: 'Of each.' }),
    max_count: count(1, { default: 20, description: 'In one call.' }),
    timeout: positiveDuration({ default: '10s', description: 'For all of a call together.' }),
    allow_private_network: flag(false, {
      description: 'Whether links may lead to private addresses, and over http.',
    }),
  },
  {
    orFlag: true,
    title: 'true, false or a block of settings',
    description:
      'Whether pictures by link are fetched for a provider that takes bytes alone. Absent: no.',
  },
)

export const providerSchema = block({
  type: Type.Optional(
    text({ description: 'Default: the name itself, where that is a built-in type.' }),
  ),
  base_url: Type.Optional(
    text({ description: 'Where the provider is. Default: the one of its type.' }),
  ),
  keys: Type.Optional(
    Type.Array(providerKey, {
      minItems: 1,
      title: 'a list',
      description: 'Absent: no credential is sent.',
    }),
  ),
  headers: Type.Record(Type.String({ pattern: headerNamePattern }), secret(), {
    default: {},
    additionalProperties: false,
    title: 'an HTTP header name',
  }),
  timeouts,
  proxy: Type.Optional(secret({ minLength: 1, description: 'http://host:port' })),
  tls: Type.Optional(block({ ca: text({ description: `PEM text, best as "\${file:ca.pem}".` }) })),
  retries: block(
    {
      max: Type.Integer({
        default: 2,
        minimum: 0,
        maximum: 20,
        title: 'a whole number from 0 to 20',
      }),
      base: positiveDuration({ default: '250ms' }),
      cap: positiveDuration({ default: '8s' }),
    },
    { default: {} },
  ),
  max_concurrency: count(1, { default: 1000 }),
  limits,
  budget,
  drop_unsupported: flag(false, {
    description: 'Leave out what the provider cannot be told, in place of refusing the call.',
  }),
  allow_private_network: Type.Optional(
    Type.Boolean({
      title: 'true or false',
      description:
        'Whether it may be reached at private addresses. False: at public ones alone, by the address a name leads to. Absent: anywhere; for a provider made by the API: false.',
    }),
  ),
  fetch_images: Type.Optional(Type.Unsafe<Static<typeof fetchImages> | false>(fetchImages)),
  api_version: Type.Optional(text({ description: 'Azure only. Default: 2024-10-21.' })),
  deployments: Type.Optional(
    Type.Record(Type.String({ pattern: '^\\S+$' }), text(), {
      additionalProperties: false,
      title: 'a model name without spaces',
      description: 'Azure only: model to deployment. Absent: the model is the deployment.',
    }),
  ),
})
