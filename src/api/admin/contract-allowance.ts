import Type, { type Static } from 'typebox'
import {
  block,
  choice,
  count,
  flag,
  labels,
  name,
  orNull,
  patterns,
  timeOrNull,
  whole,
} from './contract-leaf.ts'

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
      count(1, 1_000_000_000, {
        description: 'What is held for a call without `max_tokens`; 4096.',
      }),
    ),
    unpriced: Type.Optional(
      choice(['refuse', 'allow'], { description: 'What happens to models without a price.' }),
    ),
    strict: Type.Optional(
      flag({ description: 'Take nothing ahead: ask the store for every call.' }),
    ),
  },
  { $id: 'Budget', title: 'a block of usd and per' },
)
export type BudgetResource = Static<typeof BudgetSchema>

const limits = Type.Optional(orNull(LimitsSchema, { title: 'a block of limits, or null for none' }))
const budget = Type.Optional(
  orNull(BudgetSchema, { title: 'a block of usd and per, or null for none' }),
)
export const allowance = { limits, budget }
export const metadata = Type.Optional(labels())
export const nameOrNull = (description: string) =>
  Type.Optional(orNull(name(), { title: 'a name, or null for none', description }))

export const managed = {
  managed_by: choice(['api', 'file'], {
    description: 'What stands in the configuration file is changed there.',
  }),
  version: whole({ description: 'Counts up with every change; also as `ETag`, for `If-Match`.' }),
  created_at: timeOrNull(),
  updated_at: timeOrNull(),
}
export const shadowed = Type.Boolean({
  description: 'True: the configuration file has one of that name, which is in force instead.',
})
export const owners = {
  customer: orNull(Type.String(), { description: 'By name.' }),
  customer_id: orNull(Type.String()),
}
export const allowed = { limits: orNull(LimitsSchema), budget: orNull(BudgetSchema) }
export const labelled = { metadata: labels() }

export const fails = [404, 409, 412, 413, 415] as const
export const reading = { query: null, body: null, fails: [404] } as const
export const sinceVersion = 'With `If-Match` only where nobody else has changed it since.'
