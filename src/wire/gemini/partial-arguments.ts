import { isObject, type JsonObject, listOf } from '../json.ts'

type Holder = Record<string, unknown>

/** A function call whose arguments come value by value, and long texts among them in pieces. */
export class PartialArguments {
  readonly #root: Holder

  constructor(args: unknown) {
    this.#root = isObject(args) ? { ...args } : {}
  }

  get value(): JsonObject {
    return this.#root
  }

  add(partialArgs: unknown): void {
    for (const part of listOf(partialArgs)) {
      if (!isObject(part) || typeof part['jsonPath'] !== 'string') continue
      const steps = stepsOf(part['jsonPath'])
      const value = readValue(part)
      if (steps.length > 0 && value !== undefined) this.#set(steps, value)
    }
  }

  #set(steps: readonly (string | number)[], value: unknown): void {
    let holder: Holder = this.#root
    for (const [depth, step] of steps.slice(0, -1).entries()) {
      const next = Object.hasOwn(holder, step) ? holder[step] : undefined
      if (typeof next === 'object' && next !== null) holder = next as Holder
      else {
        const made = typeof steps[depth + 1] === 'number' ? [] : {}
        put(holder, step, made)
        holder = made as Holder
      }
    }
    const last = steps.at(-1) as string | number
    const before = Object.hasOwn(holder, last) ? holder[last] : undefined
    const joined = typeof before === 'string' && typeof value === 'string' ? before + value : value
    put(holder, last, joined)
  }
}

/** An own member whatever its name: a model may well write `__proto__`. */
function put(holder: Holder, name: string | number, value: unknown): void {
  Object.defineProperty(holder, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

const maxIndex = 10_000

/** `$.rooms[0]['floor.no']` in its steps. */
function stepsOf(path: string): readonly (string | number)[] {
  const steps = path.matchAll(
    /\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]$]+)/g,
  )
  return [...steps].map(([, index, single, double, name]) =>
    index === undefined
      ? (single ?? double ?? name ?? '').replace(/\\(.)/g, '$1')
      : Math.min(Number(index), maxIndex),
  )
}

function readValue(part: JsonObject): unknown {
  if ('nullValue' in part) return null
  return part['stringValue'] ?? part['numberValue'] ?? part['boolValue']
}
