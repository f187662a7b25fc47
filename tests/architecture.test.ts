import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

// A folder imports lower rows only: never up, never sideways. ARCHITECTURE.md draws the same rows.
const rows: readonly (readonly string[])[] = [
  ['core'],
  ['wire'],
  ['http', 'transport', 'store', 'config', 'credentials', 'sinks'],
  ['providers', 'routing', 'governance', 'observability'],
  ['gateway'],
  ['jobs'],
  ['api'],
  ['cli'],
]
/** What the folders beside it share: below them, and knowing none of them. */
const ground = 'wire/translate'
const maxLines = 400
const vagueName = /(^|[-/])(utils?|helpers?|common|misc|manager|types)\.ts$/
const impure =
  /\b(Date\.now|performance\.now|Math\.random|AbortSignal\.timeout|process\.env)\b|\bnew Date\(\)|(?<![.\w])set(Timeout|Interval|Immediate)\b|'node:timers|\bconsole\./
const mayBeImpure = /^(core\/system\.ts|config\/|cli\/|main\.ts)/
// What stands behind a port is chosen where everything is put together, and known nowhere else.
const implementation =
  /^(store\/(sqlite|postgres)[^/]*|transport\/pool|providers\/registry|core\/system)\.ts$/

const root = path.join(import.meta.dirname, '..')
const sources = new Map(
  globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => {
      const source = readFileSync(path.join(root, file), 'utf8')
      return [file.slice('src/'.length), { source, code: withoutComments(source) }] as const
    }),
)

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
}

/** Type-only and dynamic imports count as well: a cycle through a type is still a cycle to the reader. */
function importsOf(file: string): readonly string[] {
  const code = sources.get(file)?.code ?? ''
  const found = code.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map(([, target = '']) => path.posix.join(path.dirname(file), target))
}

const allImports = [...sources.keys()].flatMap((file) =>
  importsOf(file).map((target) => ({ file, target })),
)

/** Those for which `isFine` does not hold, as `file -> target`. */
const brokenBy = (isFine: (file: string, target: string) => boolean): readonly string[] =>
  allImports
    .filter(({ file, target }) => !isFine(file, target))
    .map(({ file, target }) => `${file} -> ${target}`)

// main.ts and index.ts compose: they stand in the top row, beside the commands.
const foldersOf = (file: string): readonly string[] =>
  file.includes('/') ? file.split('/').slice(0, -1) : ['cli']
const rowOf = (file: string): number =>
  rows.findIndex((row) => row.includes(foldersOf(file)[0] ?? ''))

function mayImport(file: string, target: string): boolean {
  const [from, to] = [foldersOf(file), foldersOf(target)]
  if (from[0] !== to[0]) return rowOf(target) < rowOf(file)
  if (to.join('/') === ground) return true
  const parted = from.findIndex((name, depth) => name !== to[depth])
  return parted === -1 || parted >= to.length // a folder and the ones inside it, but not two neighbours
}

test('there is something to check, and every folder has its row', () => {
  assert.ok(sources.size > 50, `only ${sources.size} sources found`)
  assert.ok(allImports.length > sources.size, `only ${allImports.length} imports found`)
  assert.deepEqual(
    [...sources.keys()].filter((file) => rowOf(file) === -1),
    [],
  )
})

test('imports name files that exist', () => {
  assert.deepEqual(
    brokenBy((_, target) => sources.has(target)),
    [],
  )
})

test('imports point down the rows, never up and never sideways', () => {
  assert.deepEqual(brokenBy(mayImport), [])
})

test('nobody imports the starting points', () => {
  assert.deepEqual(
    brokenBy((_, target) => target.includes('/')),
    [],
  )
})

test('implementations of ports are known to the composing files alone', () => {
  assert.deepEqual(
    brokenBy(
      (file, target) =>
        !implementation.test(target) ||
        foldersOf(file)[0] === 'cli' ||
        path.dirname(file) === path.dirname(target),
    ),
    [],
  )
})

test('no file imports itself by way of others', () => {
  const state = new Map<string, 'open' | 'done'>()
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'done') return
    assert.notEqual(state.get(file), 'open', `cycle: ${[...trail, file].join(' -> ')}`)
    state.set(file, 'open')
    for (const target of importsOf(file)) visit(target, [...trail, file])
    state.set(file, 'done')
  }
  for (const file of sources.keys()) visit(file, [])
})

test('files are short', () => {
  for (const [file, { source }] of sources)
    assert.ok(source.split('\n').length <= maxLines + 1, `${file} is over ${maxLines} lines`)
})

test('files are named after what they export, in lower case, and only one is a door', () => {
  for (const file of sources.keys()) {
    assert.doesNotMatch(file, vagueName)
    assert.match(file, /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/)
    assert.ok(path.basename(file) !== 'index.ts' || file === 'index.ts', file)
  }
})

test('time, chance, timers, the environment and the console are used at the edge only', () => {
  for (const [file, { code }] of sources)
    if (!mayBeImpure.test(file)) assert.doesNotMatch(code, impure, file)
})
