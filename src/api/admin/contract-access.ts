import Type, { type Static } from 'typebox'
import {
  block,
  choice,
  count,
  duration,
  flag,
  labels,
  listOf,
  name,
  orNull,
  pageOf,
  paging,
  patterns,
  restriction,
  text,
  time,
  timeOrNull,
  whole,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

const rate = (what: string) =>
  Type.Optional(
    orNull(
      Type.String({ pattern: patterns.rate, title: 'a rate such as 100/1m', description: what }),
    ),
  )

export const LimitsSchema = block(
  {
    requests: rate('Calls, such as `100/1m`, or `100/minute` for windows of the calendar.'),
    tokens: rate('Tokens in and out, such as `100000/1m`.'),
    concurrency: Type.Optional(
      orNull(count(1, 1_000_000_000, { description: 'Calls under way at once.' })),
    ),
  },
  { $id: 'Limits', title: 'a block of limits' },
)
export type LimitsResource = Static<typeof LimitsSchema>

export const BudgetSchema = block(
  {
    usd: Type.Union(
      [
        Type.String({ pattern: '^[0-9]{1,7}(\\.[0-9]{1,9})?$', example: '50.00' }),
        Type.Number({ exclusiveMinimum: 0, maximum: 9_000_000 }),
      ],
      { title: 'dollars above 0, at most 9000000, such as "50.00"' },
    ),
    usd_nanos: Type.Optional(
      count(1, 9_000_000_000_000_000, {
        description: 'The same in billionths of a dollar. Where both are given they must agree.',
      }),
    ),
    per: Type.String({
      pattern: patterns.window,
      title: 'a duration such as 1d, or hour, day, week or month for those of the calendar',
    }),
    assume_output_tokens: Type.Optional(
      count(1, 1_000_000_000, { description: 'What is held for a call without `max_tokens`; 4096.' }),
    ),
    unpriced: Type.Optional(
      choice(['refuse', 'allow'], { description: 'What happens to models without a price.' }),
    ),
    strict: Type.Optional(flag({ description: 'Take nothing ahead: ask the store for every call.' })),
  },
  { $id: 'Budget', title: 'a block of usd and per' },
)
export type BudgetResource = Static<typeof BudgetSchema>

const limits = Type.Optional(orNull(LimitsSchema, { title: 'a block of limits, or null for none' }))
const budget = Type.Optional(orNull(BudgetSchema, { title: 'a block of usd and per, or null for none' }))
const allowance = { limits, budget }
const metadata = Type.Optional(labels())
const nameOrNull = (description: string) =>
  Type.Optional(orNull(name(), { title: 'a name, or null for none', description }))

const managed = {
  managed_by: choice(['api', 'file'], {
    description: 'What stands in the configuration file is changed there.',
  }),
  version: whole({ description: 'Counts up with every change; also as `ETag`, for `If-Match`.' }),
  created_at: timeOrNull(),
  updated_at: timeOrNull(),
}
const shadowed = Type.Boolean({
  description: 'True: the configuration file has one of that name, which is in force instead.',
})
const owners = {
  customer: orNull(Type.String(), { description: 'By name.' }),
  customer_id: orNull(Type.String()),
}
const allowed = { limits: orNull(LimitsSchema), budget: orNull(BudgetSchema) }
const labelled = { metadata: labels() }

const keyFields = {
  models: Type.Optional(restriction({ description: 'Model names; `*` matches any characters.' })),
  providers: Type.Optional(restriction({ description: 'Providers it may be served by.' })),
  provider_keys: Type.Optional(restriction({ description: 'As `provider/key`.' })),
  team: nameOrNull('The name of a team that was made here.'),
  customer: nameOrNull('The name of a customer that was made here.'),
  ...allowance,
  expires_at: Type.Optional(orNull(time(), { title: 'a time such as 2027-01-01T00:00:00Z' })),
  enabled: Type.Optional(flag()),
  allow_pinning: Type.Optional(flag({ description: 'May choose a provider key by x-bf-api-key.' })),
  forward_headers: Type.Optional(
    Type.Array(
      Type.String({
        pattern: patterns.headerName,
        maxLength: 128,
        title: 'an HTTP header name',
      }),
      { maxItems: 100, title: 'a list of header names' },
    ),
  ),
  metadata,
}

export const VirtualKeySchema = Type.Object(
  {
    object: Type.Literal('virtual_key'),
    id: Type.String(),
    name: Type.String(),
    hint: Type.String({ description: 'The ends of its value.' }),
    origin: choice(['first-run', 'file', 'api']),
    shadowed,
    enabled: Type.Boolean(),
    disabled_at: timeOrNull(),
    expires_at: timeOrNull(),
    deleted_at: timeOrNull(),
    previous_until: timeOrNull({
      description: 'Until when the value before the last rotation opens too.',
    }),
    models: orNull(Type.Array(Type.String())),
    providers: orNull(Type.Array(Type.String())),
    provider_keys: orNull(Type.Array(Type.String())),
    team: orNull(Type.String()),
    team_id: orNull(Type.String()),
    ...owners,
    ...allowed,
    allow_pinning: Type.Boolean(),
    forward_headers: Type.Array(Type.String()),
    ...labelled,
    ...managed,
  },
  { $id: 'VirtualKey', description: 'A virtual key, without its value.' },
)
export type VirtualKeyResource = Static<typeof VirtualKeySchema>

const NewVirtualKeySchema = Type.Intersect(
  [
    VirtualKeySchema,
    Type.Object({
      value: Type.String({ description: 'Shown this once: only a keyed hash of it is kept.' }),
    }),
  ],
  { $id: 'VirtualKeyWithValue' },
)

const fails = [404, 409, 412, 413, 415] as const
const reading = { query: null, body: null, fails: [404] } as const
const sinceVersion = 'With `If-Match` only where nobody else has changed it since.'

export const listVirtualKeys = operation({
  id: 'listVirtualKeys',
  method: 'GET',
  path: '/api/virtual-keys',
  summary: 'List virtual keys, the newest first',
  query: block({
    ...paging,
    search: Type.Optional(text({ description: 'Part of the name, in any case.' })),
    team: Type.Optional(text({ description: 'The name of its team.' })),
    customer: Type.Optional(text({ description: 'The name of its customer.' })),
    enabled: Type.Optional(flag()),
    managed_by: Type.Optional(choice(['api', 'file'])),
  }),
  body: null,
  reply: pageOf(VirtualKeySchema),
})

export const createVirtualKey = operation({
  id: 'createVirtualKey',
  method: 'POST',
  path: '/api/virtual-keys',
  summary: 'Make a virtual key',
  description: 'The answer is the only place where its value ever stands. It opens at once.',
  query: null,
  body: block({ name: name(), ...keyFields }),
  reply: NewVirtualKeySchema,
  status: 201,
  example: {
    name: 'checkout',
    models: ['demo/*'],
    limits: { requests: '100/1m' },
    budget: { usd: '50.00', per: '1d' },
  },
  fails: [409, 413, 415],
})

export const getVirtualKey = operation({
  id: 'getVirtualKey',
  method: 'GET',
  path: '/api/virtual-keys/{id}',
  summary: 'Show a virtual key, a deleted one too',
  ...reading,
  reply: VirtualKeySchema,
})

export const updateVirtualKey = operation({
  id: 'updateVirtualKey',
  method: 'PATCH',
  path: '/api/virtual-keys/{id}',
  summary: 'Change a virtual key',
  description: `What is absent stays, null takes away. In force at once here, within a second elsewhere. ${sinceVersion}`,
  query: null,
  body: block({ name: Type.Optional(name()), ...keyFields }, { minProperties: 1 }),
  reply: VirtualKeySchema,
  example: { budget: { usd: '80.00', per: '1d' } },
  fails,
})

export const deleteVirtualKey = operation({
  id: 'deleteVirtualKey',
  method: 'DELETE',
  path: '/api/virtual-keys/{id}',
  summary: 'Delete a virtual key',
  description: 'It opens nothing any more, and its name is free; what it used stays in the ledger.',
  query: null,
  body: null,
  reply: VirtualKeySchema,
  fails: [404, 409, 412],
})

export const rotateVirtualKey = operation({
  id: 'rotateVirtualKey',
  method: 'POST',
  path: '/api/virtual-keys/{id}/rotate',
  summary: 'Give a virtual key another value',
  description: 'The value before opens as well for as long as `overlap` says, then no more.',
  query: null,
  body: block({ overlap: duration() }),
  reply: NewVirtualKeySchema,
  example: { overlap: '1h' },
  fails,
})

const switching = (verb: 'enable' | 'disable', summary: string) =>
  operation({
    id: `${verb}VirtualKey`,
    method: 'POST',
    path: `/api/virtual-keys/{id}/${verb}`,
    summary,
    query: null,
    body: null,
    reply: VirtualKeySchema,
    fails: [404, 409, 412],
  })
export const enableVirtualKey = switching('enable', 'Switch a virtual key on')
export const disableVirtualKey = switching('disable', 'Switch a virtual key off')

export const TeamSchema = Type.Object(
  {
    object: Type.Literal('team'),
    id: Type.String(),
    name: Type.String(),
    ...owners,
    ...allowed,
    ...labelled,
    ...managed,
  },
  { $id: 'Team' },
)
export type TeamResource = Static<typeof TeamSchema>

export const CustomerSchema = Type.Object(
  {
    object: Type.Literal('customer'),
    id: Type.String(),
    name: Type.String(),
    ...allowed,
    ...labelled,
    ...managed,
  },
  { $id: 'Customer' },
)
export type CustomerResource = Static<typeof CustomerSchema>

const tenantFields = { ...allowance, metadata }
const teamFields = { customer: nameOrNull('The name of a customer that was made here.'), ...tenantFields }
const listQuery = block({ ...paging, search: Type.Optional(text()) })
const tenantExample = { name: 'web', limits: { requests: '1000/1m' }, budget: { usd: '500.00', per: 'month' } }

export const listTeams = operation({
  id: 'listTeams',
  method: 'GET',
  path: '/api/teams',
  summary: 'List teams, the newest first',
  query: listQuery,
  body: null,
  reply: pageOf(TeamSchema),
})
export const createTeam = operation({
  id: 'createTeam',
  method: 'POST',
  path: '/api/teams',
  summary: 'Make a team',
  query: null,
  body: block({ name: name(), ...teamFields }),
  reply: TeamSchema,
  status: 201,
  example: tenantExample,
  fails: [409, 413, 415],
})
export const getTeam = operation({
  id: 'getTeam',
  method: 'GET',
  path: '/api/teams/{id}',
  summary: 'Show a team',
  ...reading,
  reply: TeamSchema,
})
export const updateTeam = operation({
  id: 'updateTeam',
  method: 'PATCH',
  path: '/api/teams/{id}',
  summary: 'Change a team',
  description: sinceVersion,
  query: null,
  body: block({ name: Type.Optional(name()), ...teamFields }, { minProperties: 1 }),
  reply: TeamSchema,
  example: { limits: { requests: '2000/1m' } },
  fails,
})
export const deleteTeam = operation({
  id: 'deleteTeam',
  method: 'DELETE',
  path: '/api/teams/{id}',
  summary: 'Delete a team that no key belongs to',
  query: null,
  body: null,
  reply: TeamSchema,
  fails: [404, 409, 412],
})

export const listCustomers = operation({
  id: 'listCustomers',
  method: 'GET',
  path: '/api/customers',
  summary: 'List customers, the newest first',
  query: listQuery,
  body: null,
  reply: pageOf(CustomerSchema),
})
export const createCustomer = operation({
  id: 'createCustomer',
  method: 'POST',
  path: '/api/customers',
  summary: 'Make a customer',
  query: null,
  body: block({ name: name(), ...tenantFields }),
  reply: CustomerSchema,
  status: 201,
  example: { ...tenantExample, name: 'acme' },
  fails: [409, 413, 415],
})
export const getCustomer = operation({
  id: 'getCustomer',
  method: 'GET',
  path: '/api/customers/{id}',
  summary: 'Show a customer',
  ...reading,
  reply: CustomerSchema,
})
export const updateCustomer = operation({
  id: 'updateCustomer',
  method: 'PATCH',
  path: '/api/customers/{id}',
  summary: 'Change a customer',
  description: sinceVersion,
  query: null,
  body: block({ name: Type.Optional(name()), ...tenantFields }, { minProperties: 1 }),
  reply: CustomerSchema,
  example: { budget: null },
  fails,
})
export const deleteCustomer = operation({
  id: 'deleteCustomer',
  method: 'DELETE',
  path: '/api/customers/{id}',
  summary: 'Delete a customer that nothing belongs to',
  query: null,
  body: null,
  reply: CustomerSchema,
  fails: [404, 409, 412],
})

export const ScopeSchema = Type.Object(
  {
    object: Type.Literal('limit'),
    kind: choice(['provider', 'model']),
    name: Type.String({ description: 'Of a provider, or a public name or `provider/model`.' }),
    shadowed,
    ...allowed,
    managed_by: managed.managed_by,
    version: managed.version,
    updated_at: managed.updated_at,
  },
  { $id: 'Limit', description: 'What a provider or a model may be used for by all callers together.' },
)
export type ScopeResource = Static<typeof ScopeSchema>

export const listLimits = operation({
  id: 'listLimits',
  method: 'GET',
  path: '/api/limits',
  summary: 'List what providers and models are limited to',
  query: null,
  body: null,
  reply: listOf(ScopeSchema),
})
export const getLimit = operation({
  id: 'getLimit',
  method: 'GET',
  path: '/api/limits/{kind}/{name...}',
  summary: 'Show what a provider or a model is limited to',
  ...reading,
  reply: ScopeSchema,
})
export const putLimit = operation({
  id: 'putLimit',
  method: 'PUT',
  path: '/api/limits/{kind}/{name...}',
  summary: 'Limit a provider or a model',
  description: `For all callers together. ${sinceVersion} With \`If-None-Match: *\` only where there is none.`,
  query: null,
  body: block(allowance, { minProperties: 1 }),
  reply: ScopeSchema,
  example: { limits: { requests: '500/1m' }, budget: { usd: '200.00', per: 'day' } },
  fails,
})
export const deleteLimit = operation({
  id: 'deleteLimit',
  method: 'DELETE',
  path: '/api/limits/{kind}/{name...}',
  summary: 'Take a limit away',
  query: null,
  body: null,
  reply: ScopeSchema,
  fails: [404, 409, 412],
})

export const accessOperations = [
  listVirtualKeys,
  createVirtualKey,
  getVirtualKey,
  updateVirtualKey,
  deleteVirtualKey,
  rotateVirtualKey,
  enableVirtualKey,
  disableVirtualKey,
  listTeams,
  createTeam,
  getTeam,
  updateTeam,
  deleteTeam,
  listCustomers,
  createCustomer,
  getCustomer,
  updateCustomer,
  deleteCustomer,
  listLimits,
  getLimit,
  putLimit,
  deleteLimit,
] as const
