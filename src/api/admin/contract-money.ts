import Type, { type Static } from 'typebox'
import {
  block,
  choice,
  count,
  dollars,
  listOf,
  nanos,
  orNull,
  text,
  time,
  timeOrNull,
  whole,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

export const BudgetStateSchema = Type.Object(
  {
    object: Type.Literal('budget'),
    scope: choice(['key', 'team', 'customer', 'provider', 'model', 'anonymous']),
    id: Type.String(),
    name: Type.String(),
    per: Type.String(),
    limit_usd: dollars('What may be spent in a window'),
    limit_nanos: nanos('What may be spent in a window'),
    spent_usd: dollars('What was spent in this one'),
    spent_nanos: nanos('What was spent in this one'),
    held_usd: dollars('What gateways have taken ahead, for calls under way and to come'),
    held_nanos: nanos('What gateways have taken ahead, for calls under way and to come'),
    window_start: time(),
    resets_at: time(),
  },
  { $id: 'BudgetState', description: 'A budget in its present window.' },
)
export type BudgetStateResource = Static<typeof BudgetStateSchema>

export const listBudgets = operation({
  id: 'listBudgets',
  method: 'GET',
  path: '/api/budgets',
  summary: 'How every budget stands now',
  query: block({
    scope: Type.Optional(choice(['key', 'team', 'customer', 'provider', 'model', 'anonymous'])),
    id: Type.Optional(text()),
  }),
  body: null,
  reply: listOf(BudgetStateSchema),
})

export const usageDimensions = [
  'key',
  'team',
  'customer',
  'route',
  'provider',
  'model',
  'outcome',
  'form',
] as const
const dimension = `(${usageDimensions.join('|')})`
const only = Type.Optional(
  Type.Array(text(), {
    maxItems: 100,
    title: 'at most 100 values',
    description: 'May be repeated.',
  }),
)

const sums = {
  calls: whole(),
  attempts: whole(),
  input_tokens: whole(),
  output_tokens: whole(),
  cached_input_tokens: whole(),
  reasoning_tokens: whole(),
  cost_usd: dollars('What it cost'),
  cost_nanos: nanos('What it cost'),
  unpriced: whole({ description: 'Attempts that used something and had no price.' }),
  estimated: whole({ description: 'Attempts whose tokens are an estimate.' }),
}

const UsageSumSchema = Type.Object(
  {
    at: timeOrNull({ description: "The bucket's beginning." }),
    ...Object.fromEntries(usageDimensions.map((each) => [each, Type.Optional(Type.String())])),
    key_name: Type.Optional(Type.String()),
    team_name: Type.Optional(Type.String()),
    customer_name: Type.Optional(Type.String()),
    ...sums,
    others: whole({
      description: 'How many combinations share this row, whose values are empty then; else 0.',
    }),
  },
  {
    $id: 'UsageSum',
    description: 'Keys, teams and customers by their ids, with their names beside.',
  },
)

export const getUsage = operation({
  id: 'getUsage',
  method: 'GET',
  path: '/api/usage',
  summary: 'What was used and what it cost',
  description:
    'From the ledger. Hours that are touched count whole. The combinations that cost most have rows of their own, up to 5,000 in one answer; the others share one, so that the rows always add up. As CSV, with `Accept: text/csv` or `format=csv`, everything has a row of its own unless `top` is given. What would add up more than some 125,000 sums at once is refused: ask for less time, longer buckets or one of callers and models.',
  query: block({
    from: Type.Optional(time({ description: 'Inclusive; 30 days ago where absent.' })),
    to: Type.Optional(time({ description: 'Exclusive; now where absent.' })),
    by: Type.Optional(
      Type.String({
        pattern: `^${dimension}(,${dimension}){0,3}$`,
        title: `one to four of ${usageDimensions.join(', ')}, with commas between`,
      }),
    ),
    bucket: Type.Optional(choice(['hour', 'day', 'month'])),
    top: Type.Optional(
      count(1, 1000, {
        description:
          'How many combinations of `by` get rows of their own; as many as fit where absent.',
      }),
    ),
    format: Type.Optional(choice(['json', 'csv'])),
    ...Object.fromEntries(usageDimensions.map((each) => [each, only])),
  }),
  body: null,
  reply: Type.Object({
    object: Type.Literal('list'),
    from: time(),
    to: time(),
    by: Type.Array(Type.String()),
    bucket: orNull(Type.String()),
    top: whole({ description: 'How many combinations could have rows of their own.' }),
    data: Type.Array(UsageSumSchema),
    total: Type.Object(sums),
  }),
})

const LedgerRowSchema = Type.Object(
  {
    object: Type.Literal('ledger_row'),
    id: Type.String({ description: 'The call and the number of the attempt.' }),
    call_id: Type.String(),
    at: time(),
    kind: choice(['usage', 'unattributed']),
    outcome: choice(['answered', 'failed', 'aborted', 'interrupted']),
    role: choice(['first', 'repeat', 'hedge']),
    form: choice(['plain', 'stream', 'job']),
    key_id: Type.String(),
    key: Type.String(),
    team_id: Type.String(),
    customer_id: Type.String(),
    route: Type.String(),
    provider: Type.String(),
    model: Type.String(),
    provider_key: Type.String(),
    input_tokens: whole(),
    output_tokens: whole(),
    cached_input_tokens: whole(),
    cache_write_tokens: whole(),
    reasoning_tokens: whole(),
    audio_input_tokens: whole(),
    audio_output_tokens: whole(),
    estimated: Type.Boolean(),
    cost_usd: orNull(Type.String(), { description: 'Null: there was no price for it.' }),
    cost_nanos: orNull(Type.Integer()),
    price: Type.String({ description: 'Which price it was reckoned by.' }),
    charges: Type.Array(
      Type.Object({
        scope: Type.String(),
        scope_id: Type.String(),
        window_start: time(),
        spent_usd: Type.String(),
        spent_nanos: Type.Integer(),
      }),
    ),
  },
  { $id: 'LedgerRow', description: 'One attempt that was made.' },
)

export const listLedger = operation({
  id: 'listLedger',
  method: 'GET',
  path: '/api/ledger',
  summary: 'The lines of the ledger, the newest first',
  query: block({
    call_id: Type.Optional(text({ description: 'As in `x-sluice-call-id`.' })),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}_.{1,200}$',
        title: 'what stands in "next" of the page before',
      }),
    ),
    limit: Type.Optional(count(1, 1000, { description: 'How many at most; 50 where absent.' })),
  }),
  body: null,
  reply: Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(LedgerRowSchema),
    next: orNull(Type.String(), { description: 'For `after`; null: that was all.' }),
  }),
})

export const recountLedger = operation({
  id: 'recountLedger',
  method: 'POST',
  path: '/api/ledger/recount',
  summary: 'Count budgets and sums anew from the ledger',
  description:
    'Sets right what differs, and tells it. Budgets are counted whose windows began since `from`.',
  query: null,
  body: block({ from: time() }),
  reply: Type.Object({
    object: Type.Literal('recount'),
    usage_rows: whole({ description: 'Hourly sums that differed.' }),
    budgets: Type.Array(
      Type.Object({
        scope: Type.String(),
        scope_id: Type.String(),
        window_start: time(),
        spent_usd: dollars('What it said'),
        spent_nanos: nanos('What it said'),
        counted_usd: dollars('What the ledger says'),
        counted_nanos: nanos('What the ledger says'),
      }),
    ),
  }),
  example: { from: '2026-01-01T00:00:00Z' },
  fails: [413, 415],
})

export const repriceLedger = operation({
  id: 'repriceLedger',
  method: 'POST',
  path: '/api/ledger/reprice',
  summary: 'Reckon what was used by the prices in force now',
  description:
    'Lines of one model since `from`, with their budgets and sums. A long ledger takes several requests: repeat with `to` as answered until `complete`.',
  query: null,
  body: block({
    model: Type.String({
      pattern: '^[^\\s/]+/\\S+$',
      maxLength: 512,
      title: 'provider/model, as in the ledger',
    }),
    from: time(),
    to: Type.Optional(time({ description: 'Exclusive; now where absent.' })),
  }),
  reply: Type.Object({
    object: Type.Literal('reprice'),
    repriced: whole(),
    unpriced: whole({ description: 'Lines that still have no price.' }),
    complete: Type.Boolean(),
    to: time({ description: 'How far back it came.' }),
  }),
  example: { model: 'openai/gpt-4o', from: '2026-01-01T00:00:00Z' },
  fails: [413, 415],
})

const tokenPrice = Type.Object({
  usd_per_million: Type.String(),
  nanos_per_million: Type.Integer(),
  tiers: Type.Array(
    Type.Object({
      above_input_tokens: Type.Integer(),
      usd_per_million: Type.String(),
      nanos_per_million: Type.Integer(),
    }),
  ),
})

const PriceSchema = Type.Object(
  {
    input: tokenPrice,
    output: tokenPrice,
    cached_input: orNull(tokenPrice, { description: 'Null: as the input.' }),
    cache_write: orNull(tokenPrice, { description: 'Null: as the input.' }),
    audio_input: orNull(tokenPrice, { description: 'Null: as the input.' }),
    audio_output: orNull(tokenPrice, { description: 'Null: as the output.' }),
    per_request_usd: Type.String(),
    per_request_nanos: Type.Integer(),
    source: Type.String({ description: 'Where it is from, and of which date.' }),
  },
  { $id: 'Price' },
)

export const listPrices = operation({
  id: 'listPrices',
  method: 'GET',
  path: '/api/prices',
  summary: "The operator's own prices",
  description: 'They stand in the configuration file, and go before the published ones.',
  query: null,
  body: null,
  reply: listOf(
    Type.Object({
      object: Type.Literal('own_price'),
      model: Type.String(),
      from: timeOrNull({ description: 'In force since; null: ever.' }),
      price: PriceSchema,
      managed_by: choice(['file']),
    }),
  ),
})

export const getEffectivePrice = operation({
  id: 'getEffectivePrice',
  method: 'GET',
  path: '/api/prices/effective',
  summary: 'What a model costs',
  query: block({
    model: Type.String({ pattern: '^[^\\s/]+/\\S+$', maxLength: 512, title: 'provider/model' }),
    at: Type.Optional(time({ description: 'Now where absent.' })),
  }),
  body: null,
  reply: Type.Object({
    object: Type.Literal('effective_price'),
    model: Type.String(),
    at: time(),
    price: orNull(PriceSchema, { description: 'Null: nobody knows one.' }),
  }),
  fails: [404],
})

export const moneyOperations = [
  listBudgets,
  getUsage,
  listLedger,
  recountLedger,
  repriceLedger,
  listPrices,
  getEffectivePrice,
] as const
