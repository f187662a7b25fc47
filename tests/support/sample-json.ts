type Schema = Readonly<Record<string, unknown>>

/** A small value that satisfies a simple JSON schema; without one, an object with one field. */
export function sampleJson(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return { answer: 'sample' }
  return sample(schema as Schema)
}

function sample(schema: Schema): unknown {
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  const variants = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(variants)) return sample(variants[0])
  const named = schema['type']
  switch (Array.isArray(named) ? named[0] : named) {
    case 'string':
      return 'sample'
    case 'integer':
    case 'number':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return schema['items'] ? [sample(schema['items'] as Schema)] : []
    default:
      return Object.fromEntries(
        Object.entries((schema['properties'] ?? {}) as Record<string, Schema>).map(
          ([name, property]) => [name, sample(property)],
        ),
      )
  }
}
