// A value that satisfies a JSON Schema, always the same one for the same schema. It follows what providers accept as
// `response_format` and as a tool's parameters; `not`, `if`, `contains` and `propertyNames` are not looked at.

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

type Schema = Readonly<Record<string, unknown>>

interface Place {
  readonly root: unknown
  /** The property's name: a readable sample for a text. */
  readonly name: string
  /** Which of several siblings this is, where they must differ. */
  readonly ordinal: number
  readonly depth: number
  /** Shared by the whole value: wide and deep schemas multiply. */
  readonly budget: { left: number }
}

// Below this depth only what is required is made, so that a recursive schema comes to an end.
const generousDepth = 4
const greatestDepth = 60
const longestList = 1_000
const longestText = 10_000

/** Never throws. A schema that nothing satisfies, or that never ends, gets null at that place. */
export function valueForSchema(schema: unknown): Json {
  return valueAt(schema, {
    root: schema,
    name: 'demo',
    ordinal: 0,
    depth: 0,
    budget: { left: 5_000 },
  })
}

function valueAt(given: unknown, place: Place): Json {
  if (given === false || place.depth > greatestDepth || place.budget.left-- < 0) return null
  const schema = flatten(given, place)
  if ('const' in schema) return schema['const'] as Json
  const choices = schema['enum']
  if (Array.isArray(choices) && choices.length > 0) {
    const kinds = listOf(schema['type']).filter((kind) => typeof kind === 'string')
    const fitting = choices.filter((choice) => kinds.length === 0 || isOfKind(choice, kinds))
    return (fitting[place.ordinal % fitting.length] ?? choices[0]) as Json
  }
  switch (kindOf(schema, place)) {
    case 'object':
      return objectFor(schema, place)
    case 'array':
      return arrayFor(schema, place)
    case 'integer':
      return numberFor(schema, place, true)
    case 'number':
      return numberFor(schema, place, false)
    case 'boolean':
      return place.ordinal % 2 === 0
    case 'null':
      return null
    default:
      return textFor(schema, place)
  }
}

/** Resolves references and picks branches until what remains is one plain schema. */
function flatten(given: unknown, place: Place, hops = 0): Schema {
  if (!isRecord(given) || hops > 32) return {}
  const { $ref, allOf, anyOf, oneOf, ...own } = given
  let schema: Schema = own
  if (typeof $ref === 'string') {
    schema = merge(flatten(resolve(place.root, $ref), place, hops + 1), schema)
  }
  for (const part of listOf(allOf)) schema = merge(schema, flatten(part, place, hops + 1))
  for (const branches of [anyOf, oneOf]) {
    if (!Array.isArray(branches) || branches.length === 0) continue
    schema = merge(schema, flatten(pickBranch(branches, place), place, hops + 1))
  }
  return schema
}

function pickBranch(branches: readonly unknown[], place: Place): unknown {
  const possible = branches.filter((branch) => branch !== false)
  if (place.depth <= generousDepth) return possible[0]
  const simple = ['null', 'boolean', 'integer', 'number', 'string']
  const ending = possible.find(
    (branch) => isRecord(branch) && simple.includes(String(branch['type'])),
  )
  return ending ?? possible.find((branch) => isRecord(branch) && !('$ref' in branch)) ?? possible[0]
}

function merge(base: Schema, more: Schema): Schema {
  const merged: Record<string, unknown> = { ...base, ...more }
  if (isRecord(base['properties']) && isRecord(more['properties'])) {
    merged['properties'] = { ...base['properties'], ...more['properties'] }
  }
  if (Array.isArray(base['required']) && Array.isArray(more['required'])) {
    merged['required'] = [...base['required'], ...more['required']]
  }
  for (const key of ['minimum', 'exclusiveMinimum', 'minLength', 'minItems']) {
    const [a, b] = [base[key], more[key]]
    if (typeof a === 'number' && typeof b === 'number') merged[key] = Math.max(a, b)
  }
  for (const key of ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems']) {
    const [a, b] = [base[key], more[key]]
    if (typeof a === 'number' && typeof b === 'number') merged[key] = Math.min(a, b)
  }
  return merged
}

/** Only references into the schema itself: nothing is fetched. */
function resolve(root: unknown, ref: string): unknown {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return {}
  let node = root
  for (const step of ref.slice(2).split('/')) {
    const key = unescapeStep(step)
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return {}
    node = (node as Record<string, unknown>)[key]
  }
  return node
}

function unescapeStep(step: string): string {
  const plain = step.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain // a bare percent sign: the key is meant as it stands
  }
}

function kindOf(schema: Schema, place: Place): string {
  const kinds = listOf(schema['type']).filter((kind) => typeof kind === 'string')
  if (kinds.includes('null') && place.depth > generousDepth) return 'null'
  const kind = kinds.find((one) => one !== 'null') ?? kinds[0]
  if (kind !== undefined) return kind
  const has = (...keys: readonly string[]) => keys.some((key) => key in schema)
  if (has('properties', 'required', 'additionalProperties', 'minProperties')) return 'object'
  if (has('items', 'prefixItems', 'minItems')) return 'array'
  if (has('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'))
    return 'number'
  return 'string'
}

function objectFor(schema: Schema, place: Place): Json {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {}
  const required = listOf(schema['required']).filter((name) => typeof name === 'string')
  const most = numberOf(schema['maxProperties'], Number.POSITIVE_INFINITY)
  const names = new Set(required)
  if (place.depth < generousDepth) {
    for (const [name, value] of Object.entries(properties)) {
      if (names.size < most && value !== false) names.add(name)
    }
  }
  const least = Math.min(numberOf(schema['minProperties'], 0), longestList)
  for (const name of Object.keys(properties)) if (names.size < least) names.add(name)
  for (let extra = 1; names.size < least; extra++) names.add(`extra_${extra}`)
  // Not by assignment: a property may be called `__proto__`.
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      valueAt(propertySchema(schema, properties, name), {
        ...place,
        name,
        depth: place.depth + 1,
      }),
    ]),
  )
}

function propertySchema(schema: Schema, properties: Schema, name: string): unknown {
  if (Object.hasOwn(properties, name)) return properties[name]
  const rest = schema['additionalProperties']
  return isRecord(rest) ? rest : {}
}

function arrayFor(schema: Schema, place: Place): Json {
  const first = listOf(schema['prefixItems'])
  const items = schema['items'] ?? {}
  const least = numberOf(schema['minItems'], 0)
  const wanted = place.depth < generousDepth && items !== false ? Math.max(least, 1) : least
  const most = Math.min(numberOf(schema['maxItems'], longestList), longestList)
  const length = Math.min(Math.max(wanted, place.depth < generousDepth ? first.length : 0), most)
  const differ = schema['uniqueItems'] === true
  const values: Json[] = []
  for (let index = 0; index < length; index++) {
    values.push(
      valueAt(index < first.length ? first[index] : items, {
        ...place,
        ordinal: differ ? index : place.ordinal,
        depth: place.depth + 1,
      }),
    )
  }
  return values
}

function numberFor(schema: Schema, place: Place, whole: boolean): number {
  const above = numberOf(schema['exclusiveMinimum'], Number.NEGATIVE_INFINITY)
  const below = numberOf(schema['exclusiveMaximum'], Number.POSITIVE_INFINITY)
  const low = Math.max(numberOf(schema['minimum'], Number.NEGATIVE_INFINITY), above)
  const high = Math.min(numberOf(schema['maximum'], Number.POSITIVE_INFINITY), below)
  const step = numberOf(schema['multipleOf'], whole ? 1 : 0)
  const fits = (value: number) =>
    Number.isFinite(value) &&
    value >= low &&
    value <= high &&
    value !== above &&
    value !== below &&
    (!whole || Number.isInteger(value)) &&
    (step === 0 || value % step === 0)
  const by = place.ordinal * (step || 1)
  const candidates = [
    1 + by,
    by,
    aligned(low, step, Math.ceil) + by,
    aligned(low, step, Math.ceil) + by + (step || 1),
    aligned(high, step, Math.floor) - by,
    aligned(high, step, Math.floor) - by - (step || 1),
    low / 2 + high / 2,
    low * 2,
    low / 2,
    high * 2,
    high / 2,
  ]
  return candidates.find(fits) ?? 0
}

function aligned(bound: number, step: number, round: (value: number) => number): number {
  return step > 0 ? round(bound / step) * step : bound
}

const samples: Readonly<Record<string, string>> = {
  'date-time': '2024-01-01T00:00:00Z',
  date: '2024-01-01',
  time: '00:00:00Z',
  duration: 'P1D',
  email: 'demo@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
}

// Short on purpose: the pattern is the caller's, and a bad one takes exponential time on long texts.
const guesses = [
  'demo',
  'Demo',
  'DEMO',
  'a',
  'A',
  '1',
  '12',
  '123',
  '1234',
  '12345',
  'a1',
  'A1',
  'AB',
  'ABC',
]

function textFor(schema: Schema, place: Place): string {
  const sample = samples[String(schema['format'])]
  const least = Math.min(numberOf(schema['minLength'], 0), longestText)
  const most = numberOf(schema['maxLength'], longestText)
  if (sample !== undefined && sample.length >= least && sample.length <= most) return sample
  const matching = guessPattern(schema['pattern'], least, most)
  if (matching !== undefined) return matching
  const suffix = place.ordinal > 0 ? `${place.ordinal}` : ''
  // The length of a text counts code points, and a property's name may hold any.
  const plain = [...place.name].slice(0, Math.max(0, most - suffix.length)).join('') + suffix
  const missing = least - [...plain].length
  return missing > 0 ? plain + 'x'.repeat(missing) : [...plain].slice(0, most).join('')
}

function guessPattern(pattern: unknown, least: number, most: number): string | undefined {
  if (typeof pattern !== 'string') return undefined
  try {
    const expression = new RegExp(pattern, 'u')
    return [
      ...guesses,
      ...Object.values(samples),
      'ABC-123',
      'abc_123',
      '1.0',
      '1.0.0',
      '#ffffff',
      '',
    ]
      .filter((guess) => guess.length >= least && guess.length <= most)
      .find((guess) => expression.test(guess))
  } catch {
    return undefined // not an expression of ours: the pattern is left unsatisfied
  }
}

function isOfKind(value: unknown, kinds: readonly string[]): boolean {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  return kinds.includes(kind) || (kinds.includes('integer') && Number.isInteger(value))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

function isRecord(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
