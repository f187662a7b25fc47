import { isObject, type JsonObject, listOf } from '../json.ts'
import { resolveRef } from './inline-refs.ts'

export interface ObjectSchema {
  readonly schema: JsonObject
  /** A choice between several forms that could not be kept at the root; null: nothing was lost. */
  readonly loosened: 'anyOf' | 'oneOf' | 'allOf' | null
}

/**
 * A tool's parameters as a schema that is plainly one of an object, which most providers insist on: of alternatives at
 * the root all properties together, of which those must be given that all alternatives want.
 */
export function objectSchemaOf(parameters: JsonObject | null): ObjectSchema {
  if (parameters === null || Object.keys(parameters).length === 0)
    return { schema: { type: 'object', properties: {} }, loosened: null }
  const root = resolveRef(parameters, parameters)
  for (const word of ['anyOf', 'oneOf', 'allOf'] as const)
    if (Array.isArray(root[word])) return { schema: merged(root, word), loosened: word }
  if (root['type'] === 'object') return { schema: root, loosened: null }
  const { type: _type, ...rest } = root
  return { schema: { type: 'object', ...rest }, loosened: null }
}

function merged(root: JsonObject, word: 'anyOf' | 'oneOf' | 'allOf'): JsonObject {
  const { [word]: given, type: _type, properties: own, required: always, ...rest } = root
  const forms = listOf(given)
    .filter(isObject)
    .map((form) => resolveRef(form, root))
  const properties = new Map<string, unknown>()
  for (const given of [own, ...forms.map((form) => form['properties'])])
    for (const [name, schema] of Object.entries(isObject(given) ? given : {}))
      if (!properties.has(name)) properties.set(name, schema)
  const wanted = forms.map((form) => listOf(form['required']))
  const shared =
    word === 'allOf'
      ? wanted.flat()
      : (wanted[0] ?? []).filter((name) => wanted.every((each) => each.includes(name)))
  const required = [...new Set([...listOf(always), ...shared])]
  return {
    type: 'object',
    ...rest,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
  }
}
