import { settingsNotInForce } from '../src/config/not-in-force.ts'
import { namedEntries, rootNode, type SchemaNode } from '../src/config/schema-node.ts'

type Step = { readonly shown: string; wrap(value: unknown): unknown }

const named = (name: string): Step => ({
  shown: `.${name}`,
  wrap: (value) => ({ [name]: value }),
})
const anyName: Step = { shown: '.NAME', wrap: (value) => ({ NAME: value }) }
const item: Step = { shown: '[]', wrap: (value) => [value] }

/** Every setting of the file, one table per block, as Markdown. */
export function renderConfiguration(): string {
  return Object.entries(rootNode.properties ?? {})
    .filter(([name]) => !name.startsWith('$'))
    .map(([name, node]) => {
      const rows = walk(node, [named(name)], rootNode.required?.includes(name) === true)
      const table = ['| setting | takes | default | |', '| --- | --- | --- | --- |', ...rows]
      return `### ${name}\n\n${table.join('\n')}`
    })
    .join('\n\n')
}

function walk(node: SchemaNode, path: readonly Step[], required: boolean): string[] {
  const children = childrenOf(node, path)
  const worthARow = children.length === 0 || node.description !== undefined
  return [...(worthARow ? [rowOf(node, path, required)] : []), ...children]
}

function childrenOf(node: SchemaNode, path: readonly Step[]): string[] {
  const entry = namedEntries(node)
  if (entry) return walk(entry.node, [...path, anyName], false)
  if (node.items && isBlock(node.items)) return walk(node.items, [...path, item], false)
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
    walk(child, [...path, named(name)], node.required?.includes(name) === true),
  )
}

const isBlock = (node: SchemaNode): boolean =>
  node.properties !== undefined || node.patternProperties !== undefined

function rowOf(node: SchemaNode, path: readonly Step[], required: boolean): string {
  const shown = path
    .map((step) => step.shown)
    .join('')
    .slice(1)
  const fallback =
    node.default !== undefined ? `\`${JSON.stringify(node.default)}\`` : required ? 'required' : ''
  const notes = [node.description ?? '', notInForce(node, path)].filter((note) => note !== '')
  return `| \`${shown}\` | ${takes(node)} | ${fallback} | ${cell(notes.join(' '))} |`
}

function takes(node: SchemaNode): string {
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(', ')
  if (node.items && !isBlock(node.items)) return `a list: ${takes(node.items)}`
  // What follows "such as" helps in an error and only repeats itself in a table.
  const what = (node.title ?? 'a block').replace(/ such as .*/, '').replace(' to 1000000000', ' up')
  return cell(node.writeOnly ? `${what} (secret)` : what)
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

const samples: Readonly<Record<string, readonly unknown[]>> = {
  string: ['postgres://host/db', 'sqlite:file'],
  boolean: [true, false],
  integer: [1],
  number: [1],
  array: [['x']],
}

/** Asked of the same list that names them at the start. */
function notInForce(node: SchemaNode, path: readonly Step[]): string {
  const given = (value: unknown): unknown =>
    path.reduceRight((inner: unknown, step) => step.wrap(inner), value)
  const asked = (value: unknown): boolean => settingsNotInForce(given(value)).length > 0
  const values = node.enum ?? samples[[node.type ?? 'object'].flat()[0] ?? 'object'] ?? [{ x: 1 }]
  const without = values.filter(asked)
  if (without.length === values.length) return '*Not in force yet.*'
  const [first] = without
  return first === undefined
    ? ''
    : `*\`${String(first).replace('://host/db', '')}\` is not in force yet.*`
}
