import Type from 'typebox'
import { block, choice, count, flag, positiveDuration, rate, text } from './schema-leaf.ts'
import { windowPattern } from './units.ts'

/** How much may be asked for. Burst is the whole limit. */
export const limits = Type.Optional(
  block({
    requests: Type.Optional(rate()),
    tokens: Type.Optional(rate()),
    concurrency: Type.Optional(count(1, { description: 'Calls under way at once.' })),
  }),
)

/** How much may be spent. */
export const budget = Type.Optional(
  block({
    usd: Type.Number({ exclusiveMinimum: 0, maximum: 9_000_000, title: 'an amount above 0' }),
    per: positiveDuration({
      pattern: windowPattern,
      title: 'a duration such as 1d, or hour, day, week or month for those of the calendar',
    }),
    assume_output_tokens: count(1, {
      default: 4096,
      description: 'What is reserved for a call without max_tokens.',
    }),
    unpriced: choice(['refuse', 'allow'], { default: 'refuse' }),
    strict: flag(false, { description: 'Take nothing ahead: ask the store for every call.' }),
  }),
)

const labels = Type.Record(Type.String({ pattern: '^\\S{1,64}$' }), text({ maxLength: 256 }), {
  default: {},
  additionalProperties: false,
  title: 'a label without spaces',
})

export const teamSchema = block({
  name: text({ maxLength: 128 }),
  customer: Type.Optional(text({ description: 'The customer it belongs to, by name.' })),
  limits,
  budget,
  metadata: labels,
})

export const customerSchema = block({
  name: text({ maxLength: 128 }),
  limits,
  budget,
  metadata: labels,
})

export { labels }
