import { argon2, createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'
import { type Principal, unbound } from '../core/principal.ts'
import type { Clock } from '../core/runtime.ts'
import type { AdminDoor } from './authenticate.ts'

export interface AdminCredential {
  readonly username: string
  /** As `hashPassword` wrote it. */
  readonly passwordHash: string
}

const remembered = { ms: 5 * 60_000, entries: 1000 }
const hashing = { atOnce: 2, waiting: 8 }
const throttle = { freeFailures: 5, firstMs: 1000, longestMs: 60_000, entries: 10_000 }

export const adminPrincipal: Principal = {
  ...unbound,
  kind: 'admin',
  name: 'admin',
  models: null,
  forwardHeaders: null,
  mayPin: true,
}

/**
 * Checks the admin's Basic credential. argon2id is slow on purpose, so a success is remembered by a keyed hash, only
 * two run at once, and who fails often waits longer each time, before anything is hashed.
 */
export class AdminGate implements AdminDoor {
  #credential: AdminCredential | null
  readonly #clock: Clock
  readonly #secret = createSecretKey(randomBytes(32))
  readonly #known = new Map<string, number>()
  readonly #failures = new Map<string, { count: number; until: number }>()
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(credential: AdminCredential | null, clock: Clock) {
    this.#credential = credential
    this.#clock = clock
  }

  check(basic: string, address: string): Principal | null | Promise<Principal | null> {
    // With the address: elsewhere it is a guess like any other, or guessers would hear at full speed which one is right.
    const mark = createHmac('sha256', this.#secret).update(`${address} ${basic}`).digest('base64')
    const until = this.#known.get(mark)
    if (until !== undefined && until > this.#clock.monotonic()) return adminPrincipal
    return this.#verify(basic, mark, address)
  }

  /** What was good before is not from here on. `hash`: as `hashPassword` wrote it. */
  replacePassword(hash: string): void {
    this.#known.clear()
    if (this.#credential) this.#credential = { ...this.#credential, passwordHash: hash }
  }

  async #verify(basic: string, mark: string, address: string): Promise<Principal | null> {
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    const [name, password] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)]
    const guesser = `${address} ${name.slice(0, 64)}`
    this.#refuseWhileThrottled(guesser)
    await this.#turn()
    try {
      // Others of the same guesser may have failed while this one waited.
      this.#refuseWhileThrottled(guesser)
      const good = await this.#matches(name, password)
      if (good) this.#remember(mark, guesser)
      else this.#noteFailure(guesser)
      return good ? adminPrincipal : null
    } finally {
      // The turn goes to the one that waits longest, never to one that comes in between.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  async #matches(name: string, password: string): Promise<boolean> {
    // Without an admin, or with another name, as much work is done: time must not tell which of the two was wrong.
    const good = await verifyPassword(password, this.#credential?.passwordHash ?? nobody)
    return good && this.#credential !== null && sameText(name, this.#credential.username)
  }

  async #turn(): Promise<void> {
    if (this.#running < hashing.atOnce) this.#running++
    else if (this.#waiting.length >= hashing.waiting) throw throttled(1000)
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #refuseWhileThrottled(guesser: string): void {
    const failed = this.#failures.get(guesser)
    const wait = (failed?.until ?? 0) - this.#clock.monotonic()
    if (wait > 0) throw throttled(wait)
  }

  #noteFailure(guesser: string): void {
    const count = (this.#failures.get(guesser)?.count ?? 0) + 1
    const over = count - throttle.freeFailures
    const wait = over < 0 ? 0 : Math.min(throttle.longestMs, throttle.firstMs * 2 ** over)
    this.#failures.delete(guesser)
    dropOldest(this.#failures, throttle.entries)
    this.#failures.set(guesser, { count, until: this.#clock.monotonic() + wait })
  }

  #remember(mark: string, guesser: string): void {
    this.#failures.delete(guesser)
    this.#known.delete(mark)
    dropOldest(this.#known, remembered.entries)
    this.#known.set(mark, this.#clock.monotonic() + remembered.ms)
  }
}

const throttled = (waitMs: number): GatewayError =>
  new GatewayError('login_throttled', 'Too many wrong passwords. Wait before the next try.', {
    retryAfterMs: waitMs,
  })

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size < most) return
    map.delete(key)
  }
}

function sameText(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}

// OWASP's second recommendation: 19 MiB, two passes, about 40 ms.
const cost = { memory: 19 * 1024, passes: 2, parallelism: 1, tagLength: 32 }

/** `argon2id$<salt>$<hash>`, both base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return `argon2id$${salt.toString('base64')}$${(await derive(password, salt)).toString('base64')}`
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [, salt = '', hash = ''] = stored.split('$')
  const expected = Buffer.from(hash, 'base64')
  const found = await derive(password, Buffer.from(salt, 'base64'))
  return expected.length === found.length && timingSafeEqual(expected, found)
}

const nobody = `argon2id$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(32).toString('base64')}`

function derive(password: string, nonce: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message: password, nonce, ...cost }, (error, key) => {
      if (error) reject(error)
      else resolve(Buffer.from(key))
    })
  })
}
