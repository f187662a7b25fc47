import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { VirtualKey } from '../core/principal.ts'

/** The keyed hash that stands for a virtual key everywhere. */
export function hashKey(value: string, secret: Buffer | KeyObject): string {
  return createHmac('sha256', secret).update(value.toLowerCase()).digest('hex')
}

const longestKey = 512

/**
 * What one connection presented last. Clients repeat the same credential on a connection, and hashing it again was
 * measured at a tenth of a whole call. It lives and dies with the connection, which carried the value anyway.
 */
export interface CredentialMemory {
  table: KeyTable | null
  value: string
  key: VirtualKey | null
}

export const emptyMemory = (): CredentialMemory => ({ table: null, value: '', key: null })

/** Finds a virtual key by its value, knowing only hashes. */
export class KeyTable {
  /** A key object: making one of the bytes anew for each call was measured at eight times the hash itself. */
  readonly #secret: KeyObject
  readonly #keys: ReadonlyMap<string, VirtualKey>

  constructor(keys: readonly VirtualKey[], secret: Buffer) {
    this.#secret = createSecretKey(secret)
    this.#keys = new Map(keys.map((key) => [key.hash, key]))
  }

  get size(): number {
    return this.#keys.size
  }

  all(): Iterable<VirtualKey> {
    return this.#keys.values()
  }

  /** For work that was handed in under a name: the value may be another by now. */
  named(name: string): VirtualKey | null {
    for (const key of this.#keys.values()) if (key.name === name) return key
    return null
  }

  find(value: string, memory: CredentialMemory = emptyMemory()): VirtualKey | null {
    if (value.length > longestKey) return null
    if (memory.table === this && memory.value === value) return memory.key
    const key = this.#lookUp(value)
    // Only what was good is remembered, and only for this table: a reload makes another.
    if (key) Object.assign(memory, { table: this, value, key })
    return key
  }

  #lookUp(value: string): VirtualKey | null {
    const hash = hashKey(value, this.#secret)
    const key = this.#keys.get(hash)
    // The lookup is by a keyed hash, which tells an attacker nothing by its time; the comparison is for certainty.
    return key && timingSafeEqual(Buffer.from(key.hash), Buffer.from(hash)) ? key : null
  }
}
