import Type from 'typebox'
import {
  block,
  choice,
  count,
  dollars,
  nanos,
  orNull,
  text,
  time,
  timeOrNull,
  whole,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

const kinds = ['plain', 'stream', 'job', 'submit', 'poll'] as const
const uuid = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

const names = (description: string) =>
  Type.Optional(
    Type.Array(text(), {
      minItems: 1,
      maxItems: 50,
      title: 'one name or several, each with its own "name="',
      description: `${description} Several: any of them.`,
    }),
  )

/** What calls are chosen by. */
const filter = {
  from: Type.Optional(time({ description: 'Begun then or later.' })),
  to: Type.Optional(time({ description: 'Begun before.' })),
  key: names('Names of virtual keys.'),
  team: names('Ids of teams.'),
  customer: names('Ids of customers.'),
  route: names('Models as they were asked for.'),
  provider: names('Providers of the last attempt.'),
  model: names('Models of the last attempt, by their names there.'),
  error: names('Codes of errors.'),
  status: Type.Optional(
    Type.Array(
      Type.String({
        pattern: '^([1-5][0-9][0-9]|[1-5]xx)$',
        title: 'a status such as 429, or a class such as 5xx',
      }),
      {
        minItems: 1,
        maxItems: 20,
        title: 'one status or several',
        description: 'As `429`, or a class as `5xx`.',
      },
    ),
  ),
  kind: Type.Optional(
    Type.Array(choice(kinds), {
      minItems: 1,
      maxItems: kinds.length,
      title: `one or several of ${kinds.join(', ')}`,
      description: '`job`: the run of one; `submit` and `poll`: what callers ask about one.',
    }),
  ),
  min_duration_ms: Type.Optional(
    count(0, 1_000_000_000, { description: 'Took so long or longer.' }),
  ),
  min_cost_usd: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,6}(\\.[0-9]{1,9})?$',
      title: 'an amount of dollars such as 0.05',
      description: 'Cost so much or more.',
    }),
  ),
  dimension: Type.Optional(
    Type.Array(Type.String({ pattern: '^[^=]{1,64}=[\\s\\S]{0,128}$', title: 'name=value' }), {
      minItems: 1,
      maxItems: 16,
      title: 'name=value, or several',
      description: 'As the caller gave them by `x-bf-dim-<name>`. Several: all of them.',
    }),
  ),
  search: Type.Optional(
    text({
      maxLength: 200,
      title: 'text of 1 to 200 characters',
      description:
        'A part of the caller’s own request id, of the user agent or of the error’s message; or the beginning of the call’s id, at least six characters.',
    }),
  ),
}

const after = Type.Optional(
  Type.String({
    pattern: uuid,
    title: 'the "next" of the page before',
    description: 'The `next` of the page before.',
  }),
)

const orText = (description: string) => orNull(Type.String(), { description })

const LoggedCallSchema = Type.Object(
  {
    object: Type.Literal('logged_call'),
    id: Type.String({ description: 'As in `x-sluice-call-id`.' }),
    request_id: Type.String({
      description: 'As in `x-request-id`: the caller’s own where it gave one.',
    }),
    started_at: time(),
    kind: choice(kinds),
    status: whole(),
    error: orText('The code.'),
    error_message: orText('In short.'),
    key: orText('The virtual key by name; `admin` and `anonymous` for the others.'),
    team_id: orText('The team by id.'),
    customer_id: orText('The customer by id.'),
    route: orText('The model as it was asked for.'),
    provider: orText('Of the last attempt.'),
    model: orText('Of the last attempt, as it is called there.'),
    user_agent: orText('What the client calls itself.'),
    duration_ms: Type.Number(),
    first_token_ms: orNull(Type.Number(), { description: 'Of streams.' }),
    input_tokens: whole(),
    output_tokens: whole(),
    cached_input_tokens: whole(),
    reasoning_tokens: whole(),
    cost_usd: orNull(dollars('What all its attempts cost; null: none had a price'), {}),
    cost_nanos: orNull(nanos('What all its attempts cost'), {}),
    attempts: whole({ description: 'How many were made.' }),
    fallback: whole({ description: 'Which fallback answered last; 0: none.' }),
    hedged: Type.Boolean({ description: 'Whether two were asked at once.' }),
    dimensions: Type.Record(Type.String(), Type.String()),
  },
  { $id: 'LoggedCall', description: 'A call that is over.' },
)

const SumsFields = {
  calls: whole(),
  errors: whole({ description: 'Status 400 and above, but for clients that went away.' }),
  limited: whole({ description: 'Status 429.' }),
  left: whole({ description: 'The client went away.' }),
  rescued: whole({ description: 'Answered, but not by the first attempt.' }),
  input_tokens: whole(),
  output_tokens: whole(),
  cached_input_tokens: whole(),
  reasoning_tokens: whole(),
  cost_usd: dollars('What they cost'),
  cost_nanos: nanos('What they cost'),
  duration_ms: orNull(Type.Object({ p50: Type.Number(), p95: Type.Number(), p99: Type.Number() })),
  first_token_ms: orNull(
    Type.Object({ p50: Type.Number(), p95: Type.Number(), p99: Type.Number() }),
  ),
}
const SumsSchema = Type.Object(SumsFields, {
  $id: 'CallSums',
  description: 'Calls added up. Quantiles are right to a tenth.',
})
const NamedSumsSchema = Type.Object(
  { name: Type.String(), ...SumsFields },
  { $id: 'NamedCallSums' },
)

const LossSchema = Type.Object(
  {
    calls: orNull(Type.Integer(), { description: 'Null: a process was killed, and nobody knows.' }),
    from: time(),
    to: time(),
    reason: Type.String(),
  },
  { $id: 'LogLoss', description: 'Calls that are not in the log.' },
)

const BodySchema = Type.Object(
  {
    text: Type.String({
      description: 'Media are replaced by notes of their type and size, secrets taken out.',
    }),
    size_bytes: whole({ description: 'As it was sent.' }),
    truncated: Type.Boolean(),
  },
  { $id: 'LoggedBody' },
)

export const listLogs = operation({
  id: 'listLogs',
  method: 'GET',
  path: '/api/logs',
  summary: 'Calls that were made, the newest first',
  description:
    'Looks for at most a moment: a page may be short, or empty, although there is more. Then `next` leads on, and `searched_back_to` says how far was looked.',
  query: block({
    ...filter,
    limit: Type.Optional(count(1, 500, { description: 'How many at most; 50 where absent.' })),
    after,
  }),
  body: null,
  reply: Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(LoggedCallSchema),
    has_more: Type.Boolean(),
    next: orText('To be given as `after`; null: there is nothing older.'),
    searched_back_to: timeOrNull({ description: 'Null: everything there is was looked at.' }),
    lost_calls: whole({
      description: 'Calls of this process that could not be written into the log.',
    }),
  }),
})

export const getLog = operation({
  id: 'getLog',
  method: 'GET',
  path: '/api/logs/{id}',
  summary: 'Everything that is known of a call',
  query: null,
  body: null,
  reply: Type.Object({
    object: Type.Literal('call'),
    id: Type.String(),
    started_at: time(),
    record: Type.Object(
      { attempts: Type.Array(Type.Object({}, { additionalProperties: true })) },
      {
        additionalProperties: true,
        description: 'As it stands in the log: times in milliseconds, each attempt with its own.',
      },
    ),
    content: choice(['kept', 'off', 'private', 'only_errors', 'no_memory', 'gone', 'none'], {
      description:
        'What was said: `kept`, or why not. `off`: nothing of the kind is kept; `private`: not of this key; `only_errors`: not of calls that went well; `no_memory`: too much at once; `gone`: it was, and the time it is kept is over; `none`: the call ended before anything was read.',
    }),
    request: orNull(BodySchema),
    reply: orNull(BodySchema),
  }),
  fails: [404],
})

const facet = Type.Array(Type.Object({ value: Type.String(), calls: Type.Integer() }))

export const getLogFacets = operation({
  id: 'getLogFacets',
  method: 'GET',
  path: '/api/logs/facets',
  summary: 'How many calls have which names',
  description:
    'Each name is counted under the other conditions: what could be chosen instead is among them. The hundred most frequent of each.',
  query: block(filter),
  body: null,
  reply: Type.Object({
    object: Type.Literal('facets'),
    calls: whole({ description: 'All that fit.' }),
    complete: Type.Boolean({
      description: 'False: it took too long, and older ones were not counted.',
    }),
    key: facet,
    team: facet,
    customer: facet,
    route: facet,
    provider: facet,
    model: facet,
    error: facet,
    status: facet,
    kind: facet,
    dimension: Type.Array(Type.Object({ value: Type.String(), calls: Type.Integer() }), {
      description: 'As `name=value`, of the calls that fit.',
    }),
  }),
})

export const getOverview = operation({
  id: 'getOverview',
  method: 'GET',
  path: '/api/overview',
  summary: 'Calls added up by time, provider, model and key',
  description:
    'The last day where no time is given. Asking for jobs, and handing them in, is not counted.',
  query: block({
    ...filter,
    bucket: Type.Optional(
      choice(['minute', 'hour', 'day'], {
        description: 'Absent: as fits the time, at most 120 of them.',
      }),
    ),
    by_dimension: Type.Optional(
      text({
        maxLength: 64,
        title: 'the name of a dimension, of 1 to 64 characters',
        description: 'A name that callers gave by `x-bf-dim-<name>`, to add up by.',
      }),
    ),
  }),
  body: null,
  reply: Type.Object({
    object: Type.Literal('overview'),
    from: time(),
    to: time(),
    bucket_ms: whole(),
    complete: Type.Boolean({
      description: 'False: it took too long, and older ones were not counted.',
    }),
    all: SumsSchema,
    series: Type.Array(Type.Object({ at: time(), ...SumsFields })),
    by_provider: Type.Array(NamedSumsSchema),
    by_model: Type.Array(NamedSumsSchema),
    by_key: Type.Array(NamedSumsSchema),
    by_dimension: Type.Array(NamedSumsSchema, {
      description: 'By the values of the dimension asked for; calls without one are not there.',
    }),
    dimensions: Type.Array(Type.String(), {
      description: 'Names that callers gave in this time.',
    }),
    losses: Type.Array(LossSchema),
  }),
})

export const exportLogs = operation({
  id: 'exportLogs',
  method: 'GET',
  path: '/api/logs/export',
  summary: 'Calls as a file',
  description:
    'The newest first: NDJSON with all that is known of each, or a table for spreadsheets.',
  query: block({
    ...filter,
    format: Type.Optional(choice(['ndjson', 'csv'])),
    limit: Type.Optional(
      count(1, 1_000_000, { description: 'How many at most; 100000 where absent.' }),
    ),
    after,
  }),
  body: null,
  reply: Type.String(),
})

export const tailLogs = operation({
  id: 'tailLogs',
  method: 'GET',
  path: '/api/logs/tail',
  summary: 'Calls as they end',
  description:
    'Server-sent events of this process, at most two a second, each with a list of calls. With `Last-Event-ID` it goes on where it was, or says `gap` where that is too long ago.',
  query: block({}),
  body: null,
  reply: Type.String(),
})

export const logOperations = [
  listLogs,
  getLogFacets,
  exportLogs,
  tailLogs,
  getLog,
  getOverview,
] as const
