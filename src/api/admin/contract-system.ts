import Type from 'typebox'
import {
  block,
  choice,
  count,
  listOf,
  orNull,
  pageOf,
  paging,
  text,
  time,
  timeOrNull,
  whole,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

const textOrNull = (description: string) => orNull(Type.String(), { description })

const KeyStandingSchema = Type.Object(
  {
    key: textOrNull('The name of the provider key; null: calls go out without one.'),
    weight: Type.Number(),
    state: choice(['ready', 'cooling', 'refused', 'open', 'half-open'], {
      description:
        '`cooling` after a rate limit, `refused` or spent, `open` after failures, `half-open` while it is tried again.',
    }),
    quota_group: Type.String({ description: 'Keys of one group rest together.' }),
    until: timeOrNull(),
  },
  { $id: 'KeyStanding' },
)

const strategies = ['priority', 'weighted', 'least-latency'] as const

const candidate = Type.Object({
  target: Type.String({ description: 'provider/model' }),
  fallback: whole({ description: '0: the route itself, else which fallback.' }),
  strategy: choice(strategies),
  weight: Type.Number(),
  upstream_model: textOrNull('Its name on the side of the provider.'),
  position: orNull(Type.Integer(), { description: 'When it would be asked, from 1.' }),
  skipped: textOrNull('Why it would not be.'),
  keys: Type.Array(KeyStandingSchema),
})

const hedgeOfForm = Type.Object({
  after_ms: orNull(Type.Integer(), {
    description: 'How late the first must be; null: not known yet.',
  }),
  samples: whole({ description: 'Answers of the last minutes whose times are known.' }),
  why_not: textOrNull('Why none would be made; null: it would.'),
})

export const explainRoute = operation({
  id: 'explainRoute',
  method: 'POST',
  path: '/api/explain',
  summary: 'Explain where a call would go',
  description: 'Plans a call as if it were made, and makes none.',
  query: null,
  body: block({
    model: text({ title: 'a name such as "openai/gpt-4o"' }),
    fallbacks: Type.Optional(Type.Array(text(), { maxItems: 100, title: 'a list of model names' })),
    virtual_key: Type.Optional(
      orNull(text(), {
        title: 'the name of a virtual key, or null',
        description: 'The one whose rights count.',
      }),
    ),
    session: Type.Optional(
      orNull(text(), { title: 'text, or null', description: 'As in `x-bf-session-id`.' }),
    ),
  }),
  reply: Type.Object({
    model: Type.String(),
    route: Type.String(),
    candidates: Type.Array(candidate),
    hedge: orNull(
      Type.Object({
        extra_percent: Type.Number(),
        to: textOrNull('provider/model of the second way.'),
        plain: hedgeOfForm,
        stream: hedgeOfForm,
      }),
      { description: 'The second attempt beside a late one; null where the model has no `hedge`.' },
    ),
  }),
  example: { model: 'demo/hello' },
  fails: [404, 408, 413, 415],
})

export const listTargetHealth = operation({
  id: 'listTargetHealth',
  method: 'GET',
  path: '/api/health/targets',
  summary: 'How targets are doing',
  description:
    'Every provider key with the models it is known to serve, as this process has learnt of it.',
  query: null,
  body: null,
  reply: listOf(
    Type.Object({
      provider: Type.String(),
      model: Type.String({ description: '`*` where nothing is known of its models.' }),
      keys: Type.Array(KeyStandingSchema),
    }),
  ),
})

export const listRoutes = operation({
  id: 'listRoutes',
  method: 'GET',
  path: '/api/models',
  summary: 'Public names and where they lead',
  query: null,
  body: null,
  reply: listOf(
    Type.Object({
      object: Type.Literal('route'),
      name: Type.String(),
      strategy: choice(strategies),
      targets: Type.Array(
        Type.Object({ provider: Type.String(), model: Type.String(), weight: Type.Number() }),
      ),
      fallbacks: Type.Array(Type.String()),
      hedge: Type.Boolean(),
      managed_by: choice(['file', 'provider'], {
        description: '`provider`: a model that a provider is known to have, by its own name.',
      }),
    }),
  ),
})

const JobRowSchema = Type.Object(
  {
    object: Type.Literal('job'),
    id: Type.String(),
    status: choice(['pending', 'processing', 'completed', 'failed']),
    model: Type.String(),
    owner: Type.String({ description: '`key:` and the name of the virtual key.' }),
    route: Type.String(),
    attempt: whole({ description: 'How often it has been taken up.' }),
    created_at: time(),
    completed_at: timeOrNull(),
    expires_at: timeOrNull(),
    status_code: orNull(Type.Integer()),
    error_code: orNull(Type.String()),
  },
  { $id: 'JobRow', description: 'A job without its result.' },
)

export const listJobRows = operation({
  id: 'listJobRows',
  method: 'GET',
  path: '/api/jobs',
  summary: 'Jobs of all callers, the newest first',
  query: block({
    status: Type.Optional(choice(['pending', 'processing', 'completed', 'failed'])),
    ...paging,
  }),
  body: null,
  reply: pageOf(JobRowSchema),
})
export const getJobRow = operation({
  id: 'getJobRow',
  method: 'GET',
  path: '/api/jobs/{id}',
  summary: 'Show a job',
  description: 'Its result is at `/v1/async/chat/completions/{id}`.',
  query: null,
  body: null,
  reply: JobRowSchema,
  fails: [404],
})
export const cancelJobRow = operation({
  id: 'cancelJobRow',
  method: 'DELETE',
  path: '/api/jobs/{id}',
  summary: 'Cancel a job',
  query: null,
  body: null,
  reply: JobRowSchema,
  fails: [404, 409],
})

const setting = Type.Object({
  path: Type.String(),
  value: Type.String({ description: 'Secrets are masked.' }),
  origin: Type.String({ description: '`default`, `sluice.yaml:9`, `SLUICE_HOST`, `--port`.' }),
  reference: textOrNull('The variable or file it came through.'),
})
const told = {
  file: textOrNull('Null: there is none.'),
  warnings: Type.Array(Type.String()),
  not_in_force: Type.Array(Type.String()),
}

export const getConfig = operation({
  id: 'getConfig',
  method: 'GET',
  path: '/api/config',
  summary: 'The configuration in force, and where each of it is from',
  query: null,
  body: null,
  reply: Type.Object({ object: Type.Literal('config'), ...told, settings: Type.Array(setting) }),
})

export const validateConfig = operation({
  id: 'validateConfig',
  method: 'POST',
  path: '/api/config/validate',
  summary: 'Would this text do as a configuration?',
  description: 'As if it stood in the file. Nothing is changed.',
  query: null,
  body: block({
    text: Type.String({ maxLength: 1_000_000, title: 'text of at most 1000000 characters' }),
  }),
  reply: Type.Object({
    object: Type.Literal('validation'),
    valid: Type.Boolean(),
    problems: Type.Array(
      Type.Object({
        line: orNull(Type.Integer()),
        column: orNull(Type.Integer()),
        message: Type.String(),
      }),
    ),
    warnings: Type.Array(Type.String()),
    not_in_force: Type.Array(Type.String()),
    settings: Type.Array(setting),
  }),
  example: { text: 'version: 1\n' },
  fails: [413, 415],
})

export const reloadConfig = operation({
  id: 'reloadConfig',
  method: 'POST',
  path: '/api/config/reload',
  summary: 'Read the configuration file again',
  description:
    'A good one is in force with the answer; a bad one is refused, and the one before stays.',
  query: null,
  body: null,
  reply: Type.Object({
    object: Type.Literal('reload'),
    need_restart: Type.Array(Type.String(), {
      description: 'Settings that were changed and are in force only after a restart.',
    }),
    warnings: Type.Array(Type.String()),
  }),
})

export const listAudit = operation({
  id: 'listAudit',
  method: 'GET',
  path: '/api/audit',
  summary: 'Who changed what, the newest first',
  query: block({
    kind: Type.Optional(text({ description: 'Such as `virtual_key`, `team`, `session`.' })),
    object: Type.Optional(text({ description: 'The id of what was changed.' })),
    actor: Type.Optional(text()),
    limit: Type.Optional(count(1, 200)),
    after: paging.after,
  }),
  body: null,
  reply: pageOf(
    Type.Object(
      {
        object: Type.Literal('audit_entry'),
        id: Type.String(),
        at: time(),
        actor: Type.String(),
        action: Type.String(),
        kind: Type.String(),
        target: Type.String(),
        request_id: Type.String(),
        before: orNull(Type.Object({}, { additionalProperties: true })),
        after: orNull(Type.Object({}, { additionalProperties: true })),
      },
      { $id: 'AuditEntry', description: 'Before and after without secrets.' },
    ),
  ),
})

export const systemOperations = [
  explainRoute,
  listTargetHealth,
  listRoutes,
  listJobRows,
  getJobRow,
  cancelJobRow,
  getConfig,
  validateConfig,
  reloadConfig,
  listAudit,
] as const
