import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { expandReferences, type ReferenceSource } from './references.ts'
import type { Path } from './schema-node.ts'

/** One setting of the file, with its offsets in the text. */
export interface DocumentEntry {
  readonly path: Path
  /** Where its name stands; null in lists. */
  readonly keyAt: number | null
  readonly range: readonly [start: number, end: number]
  /** `${…}` as shown to people. */
  readonly references: readonly string[]
  readonly isText: boolean
  /** A reference in it could not be resolved, so its value says nothing. */
  readonly broken: boolean
}

export interface DocumentProblem {
  readonly at: number
  readonly message: string
}

/** A parsed file: its value with references resolved, and where everything in it stands. */
export interface ConfigDocument {
  readonly text: string
  readonly value: unknown
  readonly problems: readonly DocumentProblem[]
  /** True where the text is no YAML at all: nothing but `problems` and `text` can be relied on. */
  readonly misformed: boolean
  readonly names: ReadonlySet<string>
  readonly files: readonly string[]
  readonly entries: readonly DocumentEntry[]
  entry(path: Path): DocumentEntry | undefined
  /** From 1. */
  position(at: number): { readonly line: number; readonly column: number }
}

const maxDepth = 24
// Far above any real file, far below what nested aliases can blow a small one up to.
const maxEntries = 100_000

const keyOf = (path: Path): string => JSON.stringify(path)

export function parseConfigDocument(text: string, source: ReferenceSource): ConfigDocument {
  const lines = new LineCounter()
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const problems: DocumentProblem[] = [...parsed.errors, ...parsed.warnings].map((error) => ({
    at: error.pos[0],
    message: error.code === 'TAG_RESOLVE_FAILED' ? startsLikeYaml('!') : error.message,
  }))
  const entries = new Map<string, DocumentEntry>()
  const names = new Set<string>()
  const files = new Set<string>()

  const readScalar = (node: Node, path: Path, keyAt: number | null): unknown => {
    const value = isScalar(node) ? node.value : null
    const range = rangeOf(node)
    const isText = typeof value === 'string'
    const expansion = isText && value.includes(`\${`) ? expandReferences(value, source) : null
    for (const { raw, message } of expansion?.problems ?? []) {
      const found = text.indexOf(raw, range[0])
      problems.push({ at: found >= 0 && found < range[1] ? found : range[0], message })
    }
    for (const name of expansion?.names ?? []) names.add(name)
    for (const file of expansion?.files ?? []) files.add(file)
    const references = expansion?.references ?? []
    const broken = (expansion?.problems.length ?? 0) > 0
    entries.set(keyOf(path), { path, keyAt, range, references, isText, broken })
    return expansion ? expansion.text : value
  }

  const readNode = (node: Node, path: Path, keyAt: number | null): unknown => {
    if (path.length > maxDepth || entries.size > maxEntries) {
      problems.push({ at: rangeOf(node)[0], message: 'this is nested too deeply or too large.' })
      return null
    }
    if (isAlias(node)) {
      const target = node.resolve(parsed)
      if (target) return readNode(target, path, keyAt)
      const range = rangeOf(node)
      problems.push({ at: range[0], message: startsLikeYaml('*') })
      entries.set(keyOf(path), { path, keyAt, range, references: [], isText: true, broken: true })
      return null
    }
    if (!isMap(node) && !isSeq(node)) return readScalar(node, path, keyAt)
    const range = rangeOf(node)
    const entry = { path, keyAt, range, references: [], isText: false, broken: false }
    entries.set(keyOf(path), entry)
    if (isSeq(node)) return node.items.map((item, i) => readNode(item as Node, [...path, i], null))
    const value: Record<string, unknown> = {}
    for (const pair of node.items) {
      const key = pair.key as Node
      const name = isScalar(key) ? String(key.value) : String(key)
      const at = rangeOf(key)[0]
      if (name === '__proto__') problems.push({ at, message: '"__proto__" cannot be a name.' })
      else value[name] = readPair(pair.value as Node | null, [...path, name], at)
    }
    return value
  }

  const readPair = (node: Node | null, path: Path, at: number): unknown => {
    if (node) return readNode(node, path, at)
    const entry = { path, keyAt: at, range: [at, at] as const, references: [] }
    entries.set(keyOf(path), { ...entry, isText: false, broken: false })
    return null
  }

  const misformed = problems.length > 0
  const value = misformed || !parsed.contents ? null : readNode(parsed.contents as Node, [], null)
  return {
    text,
    value,
    problems,
    misformed,
    names,
    files: [...files],
    entries: [...entries.values()],
    entry: (path) => entries.get(keyOf(path)),
    position(at) {
      const { line, col } = lines.linePos(at)
      return { line: Math.max(1, line), column: Math.max(1, col) }
    },
  }
}

/** The parser would repeat the word, which may be a password. */
const startsLikeYaml = (mark: string): string =>
  `this "${mark}" has a meaning in YAML. A text that begins with it needs quotes.`

function rangeOf(node: Node): readonly [number, number] {
  return node.range ? [node.range[0], node.range[1]] : [0, 0]
}
