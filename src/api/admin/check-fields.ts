import type { TSchema } from 'typebox'
import { nearestName } from '../../config/nearest.ts'
import { GatewayError } from '../../core/errors.ts'

/** The part of JSON Schema that the contract's requests use. */
interface Node {
  readonly type?: string
  readonly title?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  /** True: others may stand in it, and are not looked at here. */
  readonly additionalProperties?: unknown
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly items?: Node
  readonly minItems?: number
  readonly maxItems?: number
  readonly anyOf?: readonly Node[]
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Throws `invalid_request` that names the field. Values are never repeated: one of them may be a secret. */
export function checkFields(schema: TSchema, body: unknown): void {
  check(schema as Node, body, '')
}

/** What stands behind the question mark, numbers and booleans made of their words. Throws as `checkFields`. */
export function readQuery(schema: TSchema, query: unknown): Readonly<Record<string, unknown>> {
  const { properties = {} } = schema as Node
  const given = Object.entries(isRecord(query) ? query : {})
  const read = Object.fromEntries(
    given.map(([name, value]) => [name, fromWords(properties[name], value)]),
  )
  check(schema as Node, read, '')
  return read
}

function fromWords(node: Node | undefined, value: unknown): unknown {
  if (node?.type === 'array') return Array.isArray(value) ? value : [value]
  if (node?.type === 'integer' && /^[0-9]{1,15}$/.test(String(value))) return Number(value)
  if (node?.type === 'boolean' && /^(true|false)$/.test(String(value))) return value === 'true'
  return value
}

function check(node: Node, value: unknown, param: string): void {
  if (node.anyOf) {
    checkOneOf(node, node.anyOf, value, param)
  } else if (node.type === 'object') {
    if (!isRecord(value)) throw wrong(node, param)
    checkBlock(node, value, param)
  } else if (node.type === 'array') {
    if (!Array.isArray(value)) throw wrong(node, param)
    if (value.length < (node.minItems ?? 0) || value.length > (node.maxItems ?? Infinity))
      throw wrong(node, param)
    value.forEach((item, i) => {
      check(node.items ?? {}, item, `${param}[${i}]`)
    })
  } else if (!fitsLeaf(node, value)) throw wrong(node, param)
}

/** Of alternatives the one of the value's own kind tells what is wrong inside it. */
function checkOneOf(
  node: Node,
  alternatives: readonly Node[],
  value: unknown,
  param: string,
): void {
  if (value === null && alternatives.some(({ type }) => type === 'null')) return
  const inner = alternatives.find(({ type }) =>
    Array.isArray(value) ? type === 'array' : isRecord(value) && type === 'object',
  )
  if (inner) check(inner, value, param)
  else if (!alternatives.some((each) => fitsLeaf(each, value))) throw wrong(node, param)
}

function checkBlock(node: Node, value: Readonly<Record<string, unknown>>, param: string): void {
  const properties = node.properties ?? {}
  const named = Object.entries(node.patternProperties ?? {})[0]
  const entries = Object.entries(value)
  for (const [name, item] of entries) {
    const at = param === '' ? name : `${param}.${name}`
    if (Object.hasOwn(properties, name)) check(properties[name] ?? {}, item, at)
    else if (node.additionalProperties === true) continue
    else if (!named) throw unknown(name, at, Object.keys(properties))
    else if (!new RegExp(named[0], 'u').test(name) || !isWritable(name)) throw wrong(node, param)
    else check(named[1], item, at)
  }
  for (const name of node.required ?? [])
    if (!Object.hasOwn(value, name)) {
      const at = param === '' ? name : `${param}.${name}`
      throw invalid(at, `"${at}" is missing: it must be ${titleOf(properties[name] ?? {})}`)
    }
  if (entries.length < (node.minProperties ?? 0))
    throw invalid(param, `Nothing is given. There may be ${Object.keys(properties).join(', ')}.`)
  if (entries.length > (node.maxProperties ?? Infinity)) throw wrong(node, param)
}

function fitsLeaf(node: Node, value: unknown): boolean {
  if (node.enum) return node.enum.includes(value)
  if (node.type === 'string') return typeof value === 'string' && fitsText(node, value)
  if (node.type === 'boolean') return typeof value === 'boolean'
  if (node.type !== 'integer' && node.type !== 'number') return false
  return (
    typeof value === 'number' &&
    (node.type === 'number' ? Number.isFinite(value) : Number.isSafeInteger(value)) &&
    value >= (node.minimum ?? -Infinity) &&
    value <= (node.maximum ?? Infinity) &&
    value > (node.exclusiveMinimum ?? -Infinity)
  )
}

function fitsText(node: Node, value: string): boolean {
  const length = [...value].length
  if (length < (node.minLength ?? 0) || length > (node.maxLength ?? Infinity)) return false
  if (!isWritable(value)) return false
  if (node.pattern !== undefined && !new RegExp(node.pattern, 'u').test(value)) return false
  return node.format !== 'date-time' || isTime(value)
}

/** Half characters and zeros are refused by one store and changed by the other. */
const isWritable = (value: string): boolean => value.isWellFormed() && !value.includes('\0')

function isTime(value: string): boolean {
  const fits = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(value)
  if (!fits || Number.isNaN(Date.parse(value))) return false
  // The 31st of a shorter month would quietly become another day.
  const [year = 0, month = 0, day = 0] = value.slice(0, 10).split('-').map(Number)
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function wrong(node: Node, param: string): GatewayError {
  const what = titleOf(node)
  return param === ''
    ? invalid('', `The body must be ${node.title ?? 'a JSON object'}`)
    : invalid(param, `"${param}" must be ${what}`)
}

function titleOf({ title, anyOf = [] }: Node): string {
  if (title !== undefined) return title
  const others = anyOf.map((each) => (each.type === 'null' ? 'null' : titleOf(each)))
  return others.length > 0 ? others.join(', or ') : 'something else'
}

function unknown(name: string, param: string, known: readonly string[]): GatewayError {
  const shown = param.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)
  const nearest = nearestName(name, known)
  const hint = nearest ? `Did you mean "${nearest}"?` : `There may be ${known.join(', ')}.`
  return invalid(shown, `"${shown}" cannot be set here. ${hint}`)
}

export const invalid = (param: string, message: string): GatewayError =>
  new GatewayError('invalid_request', message, param === '' ? {} : { param })
