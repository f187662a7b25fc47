import { configSchema } from './schema.ts'

/** Where a setting stands: keys and list positions from the root. */
export type Path = readonly (string | number)[]

/** The part of JSON Schema that the configuration's schema uses. */
export interface SchemaNode {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly writeOnly?: boolean
  readonly properties?: Readonly<Record<string, SchemaNode>>
  /** Of a block: `true` stands for one with nothing in it, `false` for none. */
  readonly orFlag?: boolean
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly minItems?: number
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

export const rootNode = configSchema as unknown as SchemaNode

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A block whose keys are names the user chooses: their pattern and what stands under each. */
export function namedEntries(node: SchemaNode): { pattern: string; node: SchemaNode } | null {
  const entry = Object.entries(node.patternProperties ?? {})[0]
  return entry ? { pattern: entry[0], node: entry[1] } : null
}

/** Whether it is a secret, or a block or list with one in it, which is then easily given in its place. */
export const holdsSecret = (node: SchemaNode): boolean =>
  node.writeOnly === true ||
  [...Object.values(node.properties ?? {}), node.items, namedEntries(node)?.node].some(
    (inner) => inner !== undefined && holdsSecret(inner),
  )

/** The schema of one setting; undefined where the schema knows none. */
export function nodeAt(path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = rootNode
  for (const step of path) {
    if (!node) return undefined
    if (typeof step === 'number') node = node.items
    else if (node.properties && Object.hasOwn(node.properties, step)) node = node.properties[step]
    else node = namedEntries(node)?.node
  }
  return node
}

/** A setting's name as messages and tables write it: `models["gpt-4.1"].targets[0]`. */
export function showPath(path: Path): string {
  let shown = ''
  for (const step of path) {
    if (typeof step === 'number') shown += `[${step}]`
    else if (/^[A-Za-z0-9_$-]+$/.test(step)) shown += shown === '' ? step : `.${step}`
    else shown += `[${JSON.stringify(step)}]`
  }
  return shown
}

/** A copy with every default filled in, also inside blocks that are absent. */
export function withDefaults(node: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = node.items
    return items ? value.map((item) => withDefaults(items, item)) : value
  }
  if (value === true && node.orFlag) return withDefaults(node, {})
  if (!isRecord(value)) return value
  const filled: Record<string, unknown> = { ...value }
  for (const [name, property] of Object.entries(node.properties ?? {})) {
    const given = Object.hasOwn(value, name) ? value[name] : property.default
    if (given !== undefined) filled[name] = withDefaults(property, given)
  }
  const named = namedEntries(node)
  if (named)
    for (const name of Object.keys(value)) filled[name] = withDefaults(named.node, value[name])
  return filled
}
