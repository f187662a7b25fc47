import Type, { type Static } from 'typebox'
import {
  allowance,
  allowed,
  fails,
  labelled,
  managed,
  metadata,
  nameOrNull,
  owners,
  reading,
  shadowed,
  sinceVersion,
} from './contract-allowance.ts'
import {
  block,
  choice,
  duration,
  flag,
  name,
  orNull,
  pageOf,
  paging,
  patterns,
  restriction,
  text,
  time,
  timeOrNull,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

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
  log_content: Type.Optional(
    flag({
      description: 'False: what is said in its calls is not kept, whatever `request_log` says.',
    }),
  ),
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
    log_content: Type.Boolean(),
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

export const keyOperations = [
  listVirtualKeys,
  createVirtualKey,
  getVirtualKey,
  updateVirtualKey,
  deleteVirtualKey,
  rotateVirtualKey,
  enableVirtualKey,
  disableVirtualKey,
] as const
