import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** Keeps secrets unreadable where they are stored. `boundTo` is where a text stands: moved elsewhere it does not open. */
export class Sealer {
  readonly #key: Buffer
  readonly #former: Buffer | null

  /** 32 bytes each. What `former` sealed is still read. */
  constructor(key: Buffer, former: Buffer | null = null) {
    this.#key = key
    this.#former = former
  }

  /** Base64 of nonce, tag and ciphertext. */
  seal(text: string, boundTo = ''): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv(algorithm, this.#key, nonce)
    cipher.setAAD(Buffer.from(boundTo))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
  }

  /** Throws `internal_error` for what another key sealed, what stands in another place, and what somebody changed. */
  open(sealed: string, boundTo = ''): string {
    return this.#open(sealed, boundTo).text
  }

  /** The same under the key of now; null: it is already. Throws as `open`. */
  reseal(sealed: string, boundTo = ''): string | null {
    const { text, isFormer } = this.#open(sealed, boundTo)
    return isFormer ? this.seal(text, boundTo) : null
  }

  #open(sealed: string, boundTo: string): { readonly text: string; readonly isFormer: boolean } {
    try {
      return { text: openWith(this.#key, sealed, boundTo), isFormer: false }
    } catch (cause) {
      const text = this.#former && tryWith(this.#former, sealed, boundTo)
      if (text !== null) return { text, isFormer: true }
      throw new GatewayError('internal_error', 'What was stored sealed cannot be opened', { cause })
    }
  }
}

function openWith(key: Buffer, sealed: string, boundTo: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), {
    // A shorter tag would be taken as well, and is quickly guessed.
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(boundTo))
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  const text = decipher.update(bytes.subarray(nonceBytes + tagBytes))
  return Buffer.concat([text, decipher.final()]).toString('utf8')
}

function tryWith(key: Buffer, sealed: string, boundTo: string): string | null {
  try {
    return openWith(key, sealed, boundTo)
  } catch {
    return null
  }
}
