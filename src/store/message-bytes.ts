/** The memory of all bytes in a message, to be handed over and not copied: its sender loses them. */
export function buffersIn(message: unknown): ArrayBuffer[] {
  const found: ArrayBuffer[] = []
  const visit = (value: unknown): void => {
    if (value instanceof Uint8Array) found.push(value.buffer as ArrayBuffer)
    else if (Array.isArray(value)) value.forEach(visit)
    else if (isPlain(value)) Object.values(value).forEach(visit)
  }
  visit(message)
  return found
}

/**
 * The same with bytes of its own, which may be handed over: the given ones stay the sender's, and are often
 * a part of memory that holds much else.
 */
export function withOwnBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(withOwnBytes)
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withOwnBytes(part)]))
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
