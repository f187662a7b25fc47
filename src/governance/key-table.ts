import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { VirtualKey } from '../core/principal.ts'

/** The keyed hash that stands for a virtual key everywhere. */
export function hashKey(value: string, secret: Buffer | KeyObject): string {
  return createHmac('sha256', secret).update(value.toLowerCase()).digest('hex')
}

const longestKey = 512

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

  find(value: string): VirtualKey | null {
    if (value.length > longestKey) return null
    const hash = hashKey(value, this.#secret)
    const key = this.#keys.get(hash)
    // The lookup is by a keyed hash, which tells an attacker nothing by its time; the comparison is for certainty.
    return key && timingSafeEqual(Buffer.from(key.hash), Buffer.from(hash)) ? key : null
  }
}
