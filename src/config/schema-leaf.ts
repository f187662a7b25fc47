import Type, { type TProperties } from 'typebox'
import { durationPattern, positiveDurationPattern, ratePattern, sizePattern } from './units.ts'

// A leaf's `title` finishes the sentence "… must be …" of an error; `writeOnly` marks a secret.
// A property with a `default` counts as required here, so that its type has no `undefined`;
// the published JSON Schema leaves it out of `required`.

export function block<P extends TProperties>(properties: P, options: object = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

export const text = (options: object = {}) =>
  Type.String({ minLength: 1, title: 'text', ...options })

export const secret = (options: object = {}) =>
  Type.String({ title: 'text', writeOnly: true, ...options })

export const flag = (byDefault: boolean, options: object = {}) =>
  Type.Boolean({ default: byDefault, title: 'true or false', ...options })

export const choice = <const V extends string>(values: readonly V[], options: object = {}) =>
  Type.Unsafe<V>({ type: 'string', enum: values, ...options })

export const count = (minimum: number, options: object = {}) =>
  Type.Integer({
    minimum,
    maximum: 1_000_000_000,
    title: `a whole number from ${minimum} to 1000000000`,
    ...options,
  })

export const amount = (options: object = {}) =>
  Type.Number({ minimum: 0, title: 'a number from 0 up', ...options })

export const duration = (options: object = {}) =>
  Type.String({
    pattern: durationPattern,
    title: 'a duration such as 250ms, 5s, 1m, 1h or 7d',
    ...options,
  })

export const positiveDuration = (options: object = {}) =>
  Type.String({
    pattern: positiveDurationPattern,
    title: 'a duration longer than 0 such as 250ms, 5s, 1m, 1h or 7d',
    ...options,
  })

export const size = (options: object = {}) =>
  Type.Unsafe<string | number>({
    type: ['string', 'integer'],
    pattern: sizePattern,
    minimum: 1,
    title: 'a size such as 64KiB or 100MiB, or a number of bytes',
    ...options,
  })

export const rate = (options: object = {}) =>
  Type.String({ pattern: ratePattern, title: 'a rate such as 100/1m', ...options })

/** A list that restricts: absent means all, and empty is refused because its meaning would be a guess. */
export const restriction = (item: ReturnType<typeof text>, options: object = {}) =>
  Type.Array(item, { minItems: 1, title: 'a list', ...options })
