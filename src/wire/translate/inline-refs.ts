import { isObject, type JsonObject } from '../json.ts'

/**
 * A schema with its references replaced by what they refer to, and without the definitions that are then of no use.
 * `keep` says which references stay. Those that refer to what they stand in stay in any case, and all of them where the
 * whole would grow beyond measure.
 */
export function inlineRefs(
  schema: JsonObject,
  keep: (referring: JsonObject) => boolean = () => false,
): InlinedSchema {
  const inlining: Inlining = { root: schema, keep, left: maxInlined, hasKept: false }
  const { $defs, definitions, ...rest } = schema
  const inlined = inline(rest, [], inlining) as JsonObject
  if (inlining.left < 0) return { schema, isWhole: false }
  if (!inlining.hasKept) return { schema: inlined, isWhole: true }
  return {
    schema: {
      ...inlined,
      ...(isObject($defs) && { $defs: insideMap($defs, [], inlining) }),
      ...(isObject(definitions) && { definitions: insideMap(definitions, [], inlining) }),
    },
    isWhole: false,
  }
}

export interface InlinedSchema {
  readonly schema: JsonObject
  /** Whether no reference stayed. */
  readonly isWhole: boolean
}

/** Definitions that use each other twice double with each step. */
const maxInlined = 1000

interface Inlining {
  readonly root: JsonObject
  readonly keep: (referring: JsonObject) => boolean
  left: number
  hasKept: boolean
}

/** Members that are schemas by name, and values that look like schemas and are none. */
const maps = new Set(['properties', 'patternProperties', '$defs', 'definitions'])
const opaque = new Set(['enum', 'const', 'default', 'examples'])

/** `above`: the references that lead here. */
function inline(value: unknown, above: readonly string[], inlining: Inlining): unknown {
  if (Array.isArray(value)) return value.map((each) => inline(each, above, inlining))
  if (!isObject(value)) return value
  const ref = value['$ref']
  if (typeof ref !== 'string') return insideSchema(value, above, inlining)
  const found = targetOf(ref, inlining.root)
  if (!found || above.includes(ref) || inlining.keep(value) || --inlining.left < 0) {
    inlining.hasKept = true
    return value
  }
  const { $ref: _ref, ...beside } = value
  return {
    ...insideSchema(found, [...above, ref], inlining),
    ...insideSchema(beside, above, inlining),
  }
}

const insideSchema = (
  schema: JsonObject,
  above: readonly string[],
  inlining: Inlining,
): JsonObject =>
  Object.fromEntries(
    Object.entries(schema).map(([name, value]) => {
      if (opaque.has(name)) return [name, value]
      const isMap = maps.has(name) && isObject(value)
      return [name, isMap ? insideMap(value, above, inlining) : inline(value, above, inlining)]
    }),
  )

const insideMap = (map: JsonObject, above: readonly string[], inlining: Inlining): JsonObject =>
  Object.fromEntries(
    Object.entries(map).map(([name, schema]) => [name, inline(schema, above, inlining)]),
  )

/** The schema itself, or what it refers to with what stands beside the reference. */
export function resolveRef(schema: JsonObject, root: JsonObject): JsonObject {
  const ref = schema['$ref']
  const found = typeof ref === 'string' ? targetOf(ref, root) : null
  if (!found || typeof found['$ref'] === 'string') return schema
  const { $ref: _ref, ...beside } = schema
  return { ...found, ...beside }
}

/** Null for what points outside, at nothing, or at the whole schema. */
function targetOf(ref: string, root: JsonObject): JsonObject | null {
  if (!ref.startsWith('#/')) return null
  let found: unknown = root
  for (const step of ref.slice(2).split('/')) {
    const name = decodeStep(step)
    if (!isObject(found) || !Object.hasOwn(found, name)) return null
    found = found[name]
  }
  return isObject(found) ? found : null
}

function decodeStep(step: string): string {
  const plain = step.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain
  }
}
