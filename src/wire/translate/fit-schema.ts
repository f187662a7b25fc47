import { isObject, type JsonObject } from '../json.ts'

/** A schema in the part of JSON Schema that the provider holds answers to. */
export interface FittedSchema {
  readonly schema: JsonObject
  /** Whether it allows the same answers as before; else some rules are said in words. */
  readonly exact: boolean
}

/** Null for what cannot be said at all: recursion, open objects, conditions. */
export function fitSchema(schema: JsonObject): FittedSchema | null {
  const walk: Walk = { exact: true, refs: new Map(), within: '' }
  try {
    const fitted = fit(schema, walk)
    return hasCycle(walk.refs) ? null : { schema: fitted, exact: walk.exact }
  } catch (thrown) {
    if (thrown instanceof Unsayable) return null
    throw thrown
  }
}

class Unsayable extends Error {}

interface Walk {
  exact: boolean
  /** Which definitions a definition refers to. */
  readonly refs: Map<string, Set<string>>
  /** The definition that is being read; empty: the schema itself. */
  within: string
}

/** Names and prose: no answer is right or wrong because of them. */
const remarks = new Set(['$schema', '$id', '$comment', 'examples', 'deprecated', 'readOnly'])
const kept = new Set(['type', 'required', 'enum', 'const', 'default', 'title', 'description'])
/** Rules about single values, which can be told in words. */
const rules = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
])
const formats = new Set('date-time time date duration email hostname uri ipv4 ipv6 uuid'.split(' '))

function fit(schema: unknown, walk: Walk): JsonObject {
  if (!isObject(schema)) throw new Unsayable()
  const fitted: Record<string, unknown> = {}
  const words: string[] = []
  for (const [name, value] of Object.entries(schema)) {
    if (kept.has(name)) fitted[name] = value
    else if (rules.has(name)) {
      if (isKnownRule(name, value)) fitted[name] = value
      else words.push(`${name}: ${JSON.stringify(value)}`)
    } else if (!remarks.has(name)) fitNested(name, value, fitted, walk)
  }
  if (words.length > 0) {
    walk.exact = false
    const before = typeof fitted['description'] === 'string' ? `${fitted['description']} ` : ''
    fitted['description'] = `${before}(${words.join(', ')})`
  }
  closeObject(fitted, walk)
  // A value of any kind whatever is one of the things that cannot be said.
  if (!['type', 'enum', 'const', 'anyOf', 'allOf', '$ref'].some((name) => name in fitted))
    throw new Unsayable()
  return fitted
}

function fitNested(
  name: string,
  value: unknown,
  fitted: Record<string, unknown>,
  walk: Walk,
): void {
  switch (name) {
    case 'properties':
      fitted[name] = fitEach(value, (each) => fit(each, walk))
      break
    case '$defs':
    case 'definitions':
      fitted[name] = fitEach(value, (each, key) => {
        const { within } = walk
        walk.within = `#/${name}/${key}`
        const definition = fit(each, walk)
        walk.within = within
        return definition
      })
      break
    case 'items':
      fitted[name] = fit(value, walk)
      break
    case 'oneOf':
      walk.exact = false
      fitted['anyOf'] = fitList(value, walk)
      break
    case 'anyOf':
    case 'allOf':
      fitted[name] = fitList(value, walk)
      break
    case '$ref':
      fitted[name] = value
      noteRef(value, walk)
      break
    case 'additionalProperties':
      if (value !== false) throw new Unsayable()
      fitted[name] = value
      break
    default:
      throw new Unsayable()
  }
}

function fitEach(value: unknown, each: (schema: unknown, key: string) => JsonObject): JsonObject {
  if (!isObject(value)) throw new Unsayable()
  return Object.fromEntries(Object.entries(value).map(([key, schema]) => [key, each(schema, key)]))
}

function fitList(value: unknown, walk: Walk): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new Unsayable()
  return value.map((each) => fit(each, walk))
}

function noteRef(ref: unknown, { refs, within }: Walk): void {
  if (typeof ref !== 'string' || !/^#\/(\$defs|definitions)\/[^/]+$/.test(ref))
    throw new Unsayable()
  const known = refs.get(within) ?? new Set()
  known.add(ref)
  refs.set(within, known)
}

function hasCycle(refs: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const done = new Set<string>()
  const visit = (name: string, above: readonly string[]): boolean => {
    if (above.includes(name)) return true
    if (done.has(name)) return false
    const found = [...(refs.get(name) ?? [])].some((each) => visit(each, [...above, name]))
    done.add(name)
    return found
  }
  return [...refs.keys()].some((name) => visit(name, []))
}

/** Objects must be closed. One without properties would then be empty, which nobody means. */
function closeObject(fitted: Record<string, unknown>, walk: Walk): void {
  const isOne = 'properties' in fitted || [fitted['type']].flat().includes('object')
  if (!isOne || 'additionalProperties' in fitted) return
  if (!('properties' in fitted)) throw new Unsayable()
  walk.exact = false
  fitted['additionalProperties'] = false
}

function isKnownRule(name: string, value: unknown): boolean {
  if (name === 'format') return formats.has(String(value))
  if (name === 'minItems') return value === 0 || value === 1
  // Its regular expressions know neither looking around nor going back, and counts only in small.
  return name === 'pattern' && !/\\[1-9bB]|\(\?[=!<]|\{/.test(String(value))
}
