import { failureRefs, json } from './openapi-components.ts'
import type { OpenApiDocument, OpenApiOperation } from './openapi-document.ts'

const tags = ['Administration']
const security = [{ BasicAuth: [] }]
const failures = failureRefs(400, 401, 403, 405, 429, 500, 503)

const text = (description: string) => ({ type: 'string', description })
const textOrNull = (description: string) => ({ type: ['string', 'null'], description })

const keyStanding = {
  type: 'object',
  required: ['key', 'weight', 'state', 'quota_group', 'until'],
  properties: {
    key: textOrNull('The name of the provider key; null: calls go out without one.'),
    weight: { type: 'number' },
    state: {
      type: 'string',
      enum: ['ready', 'cooling', 'refused', 'open', 'half-open'],
      description:
        '`cooling` after a rate limit, `refused` or spent, `open` after failures, `half-open` while it is tried again.',
    },
    quota_group: text('Keys of one group rest together.'),
    until: { type: ['string', 'null'], format: 'date-time' },
  },
}

const candidate = {
  type: 'object',
  required: ['target', 'fallback', 'strategy', 'weight', 'position', 'skipped', 'keys'],
  properties: {
    target: text('provider/model'),
    fallback: { type: 'integer', description: '0: the route itself, else which fallback.' },
    strategy: { type: 'string', enum: ['priority', 'weighted', 'least-latency'] },
    weight: { type: 'number' },
    upstream_model: textOrNull('Its name on the side of the provider.'),
    position: { type: ['integer', 'null'], description: 'When it would be asked, from 1.' },
    skipped: textOrNull('Why it would not be.'),
    keys: { type: 'array', items: keyStanding },
  },
}

const hedgeOfForm = {
  type: 'object',
  required: ['after_ms', 'samples', 'why_not'],
  properties: {
    after_ms: {
      type: ['integer', 'null'],
      description: 'How late the first must be; null: not known yet.',
    },
    samples: { type: 'integer', description: 'Answers of the last minutes whose times are known.' },
    why_not: textOrNull('Why none would be made; null: it would.'),
  },
}

const hedge = {
  type: ['object', 'null'],
  description: 'The second attempt beside a late one; null where the model has no `hedge`.',
  required: ['extra_percent', 'to', 'plain', 'stream'],
  properties: {
    extra_percent: { type: 'number' },
    to: textOrNull('provider/model of the second way.'),
    plain: hedgeOfForm,
    stream: hedgeOfForm,
  },
}

const explain: OpenApiOperation = {
  operationId: 'explainRoute',
  summary: 'Explain where a call would go',
  description: 'Plans a call as if it were made, and makes none.',
  tags,
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: ['model'],
          properties: {
            model: text('As a call would ask for it.'),
            fallbacks: { type: 'array', items: { type: 'string' } },
            virtual_key: textOrNull('The name of a key whose rights count.'),
            session: textOrNull('As in `x-bf-session-id`.'),
          },
        },
        example: { model: 'demo/hello' },
      },
    },
  },
  responses: {
    200: json('The candidates, in the order of the routes', {
      type: 'object',
      required: ['model', 'route', 'candidates', 'hedge'],
      properties: {
        model: { type: 'string' },
        route: { type: 'string' },
        candidates: { type: 'array', items: candidate },
        hedge,
      },
    }),
    ...failures,
    ...failureRefs(404, 408, 413, 415),
  },
  security,
}

const targets: OpenApiOperation = {
  operationId: 'listTargetHealth',
  summary: 'How targets are doing',
  description:
    'Every provider key with the models it is known to serve, as this process has learnt of it.',
  tags,
  responses: {
    200: json('The list', {
      type: 'object',
      required: ['object', 'data'],
      properties: {
        object: { const: 'list' },
        data: {
          type: 'array',
          items: {
            type: 'object',
            required: ['provider', 'model', 'keys'],
            properties: {
              provider: { type: 'string' },
              model: text('`*` where nothing is known of its models.'),
              keys: { type: 'array', items: keyStanding },
            },
          },
        },
      },
    }),
    ...failures,
  },
  security,
}

export const adminPaths = (): OpenApiDocument['paths'] => ({
  '/api/explain': { post: explain },
  '/api/health/targets': { get: targets },
})
