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
import { block, choice, listOf, name, pageOf, paging, text } from './contract-leaf.ts'
import { operation } from './operation.ts'

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
const teamFields = {
  customer: nameOrNull('The name of a customer that was made here.'),
  ...tenantFields,
}
const listQuery = block({ ...paging, search: Type.Optional(text()) })
const tenantExample = {
  name: 'web',
  limits: { requests: '1000/1m' },
  budget: { usd: '500.00', per: 'month' },
}

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
  {
    $id: 'Limit',
    description: 'What a provider or a model may be used for by all callers together.',
  },
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

export const tenantOperations = [
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
