import Type, { type TProperties, type TSchema } from 'typebox'

type Options = Readonly<Record<string, unknown>>

// A `title` finishes the sentence "… must be …" of a refusal. Patterns are the configuration file's; a test holds them
// together, since this side is read by a browser too.

const window = '(0*[1-9][0-9]{0,11}(ms|s|m|h|d)|minute|hour|day|week|month)'
export const patterns = {
  window: `^${window}$`,
  rate: `^0*[1-9][0-9]{0,14}/${window}$`,
  duration: '^[0-9]{1,12}(ms|s|m|h|d)$',
  headerName: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
} as const

/** Nothing but what is named may stand in it. */
export const block = <P extends TProperties>(properties: P, options: Options = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })

export const orNull = <S extends TSchema>(schema: S, options: Options = {}) =>
  Type.Union([schema, Type.Null()], options)

export const name = (options: Options = {}) =>
  Type.String({
    minLength: 1,
    maxLength: 128,
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    title: 'a name of 1 to 128 characters, none of them a control character',
    ...options,
  })

export const text = (options: Options = {}) =>
  Type.String({ minLength: 1, maxLength: 512, title: 'text of 1 to 512 characters', ...options })

export const flag = (options: Options = {}) => Type.Boolean({ title: 'true or false', ...options })

export const choice = <const V extends string>(values: readonly V[], options: Options = {}) =>
  Type.Unsafe<V>({ type: 'string', enum: values, title: `one of ${values.join(', ')}`, ...options })

export const count = (minimum: number, maximum: number, options: Options = {}) =>
  Type.Integer({
    minimum,
    maximum,
    title: `a whole number from ${minimum} to ${maximum}`,
    ...options,
  })

export const time = (options: Options = {}) =>
  Type.String({
    format: 'date-time',
    title: 'a time such as 2027-01-01T00:00:00Z',
    ...options,
  })

export const timeOrNull = (options: Options = {}) => orNull(time(), options)

export const duration = (options: Options = {}) =>
  Type.String({
    pattern: patterns.duration,
    title: 'a duration such as 0s, 30s, 5m, 1h or 7d',
    ...options,
  })

/** Where absent or null means all, an empty list is refused: its meaning would be a guess. */
export const restriction = (options: Options = {}) =>
  orNull(Type.Array(text(), { minItems: 1, maxItems: 1000, title: 'a list of 1 to 1000 names' }), {
    title: 'a list of 1 to 1000 names, or null for all',
    ...options,
  })

export const labels = (options: Options = {}) =>
  Type.Record(
    Type.String({ pattern: '^\\S{1,64}$' }),
    Type.String({ maxLength: 256, title: 'text of at most 256 characters' }),
    {
      additionalProperties: false,
      maxProperties: 64,
      title: 'at most 64 labels, their names without spaces',
      ...options,
    },
  )

export const dollars = (description: string) =>
  Type.String({ description: `${description}, in dollars.` })
export const nanos = (description: string) =>
  Type.Integer({ description: `${description}, in billionths of a dollar.` })

export const whole = (options: Options = {}) => Type.Integer(options)

export const listOf = <S extends TSchema>(item: S, options: Options = {}) =>
  Type.Object({ object: Type.Literal('list'), data: Type.Array(item) }, options)

export const pageOf = <S extends TSchema>(item: S, options: Options = {}) =>
  Type.Object(
    {
      object: Type.Literal('list'),
      data: Type.Array(item),
      has_more: Type.Boolean({ description: 'Whether older ones follow: ask with `after`.' }),
    },
    options,
  )

export const paging = {
  limit: Type.Optional(count(1, 200, { description: 'How many at most; 50 where absent.' })),
  after: Type.Optional(text({ description: 'The id of the last one of the page before.' })),
}
