/** Why a scripted model will not take a request. */
export class Refusal extends Error {
  readonly path: string
  /** The member that nobody knows there, where that is the reason. */
  readonly unknown: string | null

  constructor(path: string, message: string, unknown: string | null = null) {
    super(`${path}: ${message}`)
    this.path = path
    this.unknown = unknown
  }
}

/** Throws a `Refusal` for what does not fit. */
export type Shape = (value: unknown, path: string) => void
export type Fields = Readonly<Record<string, unknown>>
type Shapes = Readonly<Record<string, Shape>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function fieldsOf(value: unknown, path: string): Fields {
  if (!isFields(value)) throw new Refusal(path, 'must be an object')
  return value
}

/** An object of these members and no others. */
export const object =
  (required: Shapes, optional: Shapes = {}): Shape =>
  (value, path) => {
    const fields = fieldsOf(value, path)
    for (const name of Object.keys(required))
      if (!(name in fields)) throw new Refusal(`${path}.${name}`, 'is required')
    for (const [name, member] of Object.entries(fields)) {
      const shape = required[name] ?? optional[name]
      if (!shape) throw new Refusal(`${path}.${name}`, 'is not known', name)
      shape(member, `${path}.${name}`)
    }
  }

/** An object that is what its member `key` says. */
export const variant =
  (key: string, shapes: Shapes): Shape =>
  (value, path) => {
    const kind = String(fieldsOf(value, path)[key])
    const shape = Object.hasOwn(shapes, kind) ? shapes[kind] : undefined
    if (!shape) throw new Refusal(`${path}.${key}`, `"${kind}" is none`)
    shape(value, path)
  }

/** An object of exactly one of these members, and of `beside` as it likes. */
export const oneMember =
  (shapes: Shapes, beside: Shapes = {}): Shape =>
  (value, path) => {
    object({}, { ...shapes, ...beside })(value, path)
    const found = Object.keys(fieldsOf(value, path)).filter((name) => name in shapes)
    if (found.length !== 1)
      throw new Refusal(path, `holds ${found.length} kinds of content instead of one`)
  }

export const list =
  (shape: Shape, least = 1): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) throw new Refusal(path, 'must be a list')
    if (value.length < least) throw new Refusal(path, `must hold at least ${least}`)
    value.forEach((each, at) => {
      shape(each, `${path}.${at}`)
    })
  }

export const text =
  (pattern = /./s): Shape =>
  (value, path) => {
    if (typeof value !== 'string') throw new Refusal(path, 'must be a string')
    if (!pattern.test(value)) throw new Refusal(path, `does not match ${pattern}`)
  }

/** Text that is more than white space. */
export const words = text(/\S/)

export const number =
  (least: number, most: number): Shape =>
  (value, path) => {
    if (typeof value !== 'number' || value < least || value > most)
      throw new Refusal(path, `must be a number from ${least} to ${most}`)
  }

export const count =
  (least = 0): Shape =>
  (value, path) => {
    if (!Number.isInteger(value) || Number(value) < least)
      throw new Refusal(path, `must be a whole number of at least ${least}`)
  }

export const flag: Shape = (value, path) => {
  if (typeof value !== 'boolean') throw new Refusal(path, 'must be true or false')
}

export const literal =
  (...allowed: readonly unknown[]): Shape =>
  (value, path) => {
    if (!allowed.includes(value)) throw new Refusal(path, `must be ${allowed.join(' or ')}`)
  }

export const anyObject: Shape = (value, path) => void fieldsOf(value, path)

/** Fits one of them; the last one words the refusal. */
export const either =
  (...shapes: readonly Shape[]): Shape =>
  (value, path) => {
    for (const [at, shape] of shapes.entries()) {
      if (at === shapes.length - 1) return shape(value, path)
      try {
        return shape(value, path)
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown
      }
    }
  }

/** Base64 as decoders take it, padded. */
export const base64: Shape = (value, path) => {
  text()(value, path)
  const given = String(value)
  if (Buffer.from(given, 'base64').toString('base64') !== given)
    throw new Refusal(path, 'is no base64')
}

/** A JSON Schema whose top is an object. */
export const objectSchema: Shape = (value, path) => {
  if (fieldsOf(value, path)['type'] !== 'object')
    throw new Refusal(`${path}.type`, 'must be "object"')
}

/** JSON as text, of that shape. */
export const jsonText =
  (shape: Shape): Shape =>
  (value, path) => {
    text()(value, path)
    let parsed: unknown
    try {
      parsed = JSON.parse(String(value))
    } catch {
      throw new Refusal(path, 'is no JSON')
    }
    shape(parsed, path)
  }
