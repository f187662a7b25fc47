import type { ConfigDocument } from './document.ts'
import { nearestName } from './nearest.ts'
import {
  holdsSecret,
  isRecord,
  namedEntries,
  nodeAt,
  type Path,
  rootNode,
  type SchemaNode,
  showPath,
} from './schema-node.ts'

/** What is wrong with one setting; `at` says whether to point at its name or its value. */
export type Report = (path: Path, message: string, at?: 'key' | 'value') => void

const emptyListMeans: Readonly<Record<string, string>> = {
  models: 'to allow all models',
  keys: 'to send no credential',
  origins: 'to allow no origin',
  hosts: 'to allow loopback only',
  trusted_proxies: 'to trust none',
  forward_headers: 'to forward none',
}

/** Makes numbers and booleans of references that stand where the schema wants one. Changes `value`. */
export function coerceReferences(document: ConfigDocument): void {
  for (const { path, references } of document.entries) {
    if (references.length === 0) continue
    const types = [nodeAt(path)?.type ?? 'string'].flat()
    const parent = path.slice(0, -1).reduce<unknown>(childOf, document.value)
    const last = path.at(-1)
    if (last === undefined || typeof parent !== 'object' || parent === null) continue
    const holder = parent as Record<string | number, unknown>
    holder[last] = coerce(String(holder[last]), types)
  }
}

const childOf = (value: unknown, step: string | number): unknown =>
  (value as Record<string | number, unknown> | null)?.[step]

function coerce(text: string, types: readonly string[]): unknown {
  const wantsNumber = types.includes('integer') || types.includes('number')
  if (wantsNumber && /^-?[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text)
  if (types.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true'
  return text
}

/** Checks the whole file against the schema and reports everything that does not fit. */
export function validateDocument(document: ConfigDocument, report: Report): void {
  const check = (node: SchemaNode, value: unknown, path: Path): void => {
    if (document.entry(path)?.broken) return
    const name = showPath(path)
    if (value === null || value === undefined) {
      report(path, `${name} has no value. Leave it out or give it one.`, 'key')
    } else if (node.type === 'object') {
      const wanted = node.orFlag ? node.title : 'a block of settings'
      if (isRecord(value)) checkBlock(node, value, path)
      else if (!node.orFlag || typeof value !== 'boolean')
        report(path, `${name} must be ${wanted}, not ${shown(value, node, path)}.`)
    } else if (node.type === 'array') {
      if (Array.isArray(value)) checkList(node, value, path)
      else report(path, `${name} must be ${node.title}, not ${shown(value, node, path)}.`)
    } else if (!fitsLeaf(node, value)) {
      report(path, leafMessage(node, value, path))
    }
  }

  const checkBlock = (node: SchemaNode, value: Record<string, unknown>, path: Path): void => {
    const properties = node.properties ?? {}
    const named = namedEntries(node)
    for (const [name, item] of Object.entries(value)) {
      const at = [...path, name]
      if (Object.hasOwn(properties, name)) check(properties[name] ?? {}, item, at)
      else if (!named) report(at, unknownMessage(name, Object.keys(properties), path), 'key')
      else if (new RegExp(named.pattern).test(name)) check(named.node, item, at)
      else report(at, `"${name}" cannot stand here: it must be ${node.title}.`, 'key')
    }
    for (const name of node.required ?? [])
      if (!Object.hasOwn(value, name) && properties[name]?.default === undefined)
        report(path, missingMessage(name, path), 'key')
  }

  const checkList = (node: SchemaNode, value: readonly unknown[], path: Path): void => {
    if (value.length < (node.minItems ?? 0)) {
      const last = String(path.at(-1))
      const means = emptyListMeans[last]
      const without = means ? `Leave it out ${means}, or list some.` : 'List at least one.'
      report(path, `${last}: [] is empty. ${without}`, 'key')
    }
    value.forEach((item, i) => {
      check(node.items ?? {}, item, [...path, i])
    })
  }

  // A value may hold a secret, also by a reference in a wrong place: then it is never repeated.
  const shown = (value: unknown, node: SchemaNode, path: Path): string => {
    const references = document.entry(path)?.references ?? []
    if (references.length > 0) return `what ${references.join(' and ')} holds`
    if (Array.isArray(value)) return 'a list'
    if (isRecord(value)) return 'a block'
    if (holdsSecret(node)) return 'what is given'
    return shorten(JSON.stringify(value) ?? String(value))
  }

  const leafMessage = (node: SchemaNode, value: unknown, path: Path): string => {
    const wanted = node.enum ? alternatives(node.enum) : (node.title ?? 'something else')
    const near = node.enum && typeof value === 'string' ? nearestName(value, node.enum) : null
    const hint = near === null ? quotesHint(node, value) : ` Did you mean "${near}"?`
    return `${showPath(path)} must be ${wanted}, not ${shown(value, node, path)}.${hint}`
  }

  check(rootNode, document.value, [])
}

/** Whether a value that is neither list nor block satisfies its schema. */
function fitsLeaf(node: SchemaNode, value: unknown): boolean {
  if (node.const !== undefined) return value === node.const
  if (node.enum) return typeof value === 'string' && node.enum.includes(value)
  const types = [node.type ?? []].flat()
  if (typeof value === 'string')
    return (
      types.includes('string') &&
      value.length >= (node.minLength ?? 0) &&
      value.length <= (node.maxLength ?? Number.POSITIVE_INFINITY) &&
      (node.pattern === undefined || new RegExp(node.pattern).test(value))
    )
  if (typeof value === 'number')
    return (
      Number.isFinite(value) &&
      (types.includes('number') || (types.includes('integer') && Number.isSafeInteger(value))) &&
      value >= (node.minimum ?? Number.NEGATIVE_INFINITY) &&
      value <= (node.maximum ?? Number.POSITIVE_INFINITY) &&
      value > (node.exclusiveMinimum ?? Number.NEGATIVE_INFINITY)
    )
  return typeof value === 'boolean' && types.includes('boolean')
}

function unknownMessage(name: string, known: readonly string[], path: Path): string {
  const where = path.length === 0 ? '' : ` under ${showPath(path)}`
  const near = nearestName(name, known)
  const hint = near === null ? `Known there: ${known.join(', ')}.` : `Did you mean "${near}"?`
  return `unknown setting "${shorten(name)}"${where}. ${hint}`
}

function missingMessage(name: string, path: Path): string {
  if (path.length > 0) return `${showPath(path)} needs "${name}".`
  return name === 'version' ? 'the file needs "version: 1".' : `the file needs "${name}".`
}

/** YAML reads 1 and true as no text, which surprises where a name was meant. */
function quotesHint(node: SchemaNode, value: unknown): string {
  const wantsText = node.type === 'string' && !node.pattern && !node.enum
  return wantsText && typeof value !== 'string' && typeof value !== 'object'
    ? ' Put it in quotes.'
    : ''
}

function alternatives(values: readonly string[]): string {
  return values.length === 1
    ? String(values[0])
    : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text)
