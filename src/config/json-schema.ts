import { rootNode, type SchemaNode } from './schema-node.ts'

type JsonSchema = Record<string, unknown>

/** The JSON Schema (draft 2020-12) of the file, for editors; `types` are the provider types served. */
export function configJsonSchema(types: readonly string[]): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sluice configuration',
    ...publish(rootNode, [], types),
  }
}

function publish(node: SchemaNode, path: readonly string[], types: readonly string[]): JsonSchema {
  // The title only serves error messages, and secrets are marked for us alone.
  const { title: _, writeOnly: __, orFlag, properties, patternProperties, items, ...rest } = node
  const published: JsonSchema = { ...rest }
  if (properties) {
    const entries = Object.entries(properties)
    published['properties'] = mapEntries(entries, (item, name) =>
      publish(item, [...path, name], types),
    )
    // Here a property with a default counts as required, for its type; in a file it may be absent.
    const required = (node.required ?? []).filter((name) => properties[name]?.default === undefined)
    if (required.length > 0) published['required'] = required
    else delete published['required']
  }
  if (patternProperties)
    published['patternProperties'] = mapEntries(Object.entries(patternProperties), (item) =>
      publish(item, [...path, '*'], types),
    )
  if (items) published['items'] = publish(items, [...path, '*'], types)
  if (path.join('.') === 'providers.*.type') return withReference({ ...published, enum: types })
  if (orFlag) return withFlag(published)
  return isLeaf(node) ? withReference(published) : published
}

function withFlag({ description, ...schema }: JsonSchema): JsonSchema {
  return { description, anyOf: [{ type: 'boolean' }, schema] }
}

const mapEntries = (
  entries: readonly [string, SchemaNode][],
  map: (node: SchemaNode, name: string) => JsonSchema,
): JsonSchema => Object.fromEntries(entries.map(([name, node]) => [name, map(node, name)]))

/** Whether a `${…}` could be refused by it. */
function isLeaf(node: SchemaNode): boolean {
  if (node.const !== undefined) return false
  if (node.enum || node.pattern) return true
  return [node.type ?? []].flat().some((type) => ['integer', 'number', 'boolean'].includes(type))
}

/** Any value may also be given as a reference, which an editor cannot look into. */
function withReference({ default: byDefault, description, ...schema }: JsonSchema): JsonSchema {
  return {
    ...(byDefault === undefined ? {} : { default: byDefault }),
    ...(description === undefined ? {} : { description }),
    anyOf: [schema, { type: 'string', pattern: '\\$\\{[^}]+\\}' }],
  }
}
