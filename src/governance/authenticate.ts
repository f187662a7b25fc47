import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import { isSessionToken, type Presented } from '../http/auth-header.ts'
import type { KeyGuesses } from './key-guesses.ts'
import { type CredentialMemory, emptyMemory, type KeyTable } from './key-table.ts'

/** What decides who a caller is, under one configuration. */
export interface Doorkeeper {
  readonly keys: KeyTable
  /** What callers without a credential may do; null: they may do nothing. */
  readonly anonymous: Principal | null
  readonly admin: AdminDoor
}
export interface AdminDoor {
  /** Resolves to the admin, or null where name or password are wrong. Throws `login_throttled`. */
  check(basic: string, address: string): Principal | null | Promise<Principal | null>
  /** Resolves to the admin, or null where there is no such session. Absent: there are none. */
  checkSession?(token: string): Promise<Principal | null>
  /** Who tries keys; absent: nobody counts. */
  readonly guesses?: Pick<KeyGuesses, 'note'>
  /** How well this process knows which keys of the store hold; absent: it does. */
  keysKnown?(): KeysKnown
}
/**
 * `known`: as the store has them; `behind`: for some seconds nobody could ask, so that there may be new ones; `stale`: for so
 * long that one that was revoked elsewhere would still open.
 */
export type KeysKnown = 'known' | 'behind' | 'stale'

const looksOurs = /^sk-bf-/i

/**
 * Who makes this request. `x-bf-vk` decides alone when present; of the rest the first that looks like one of ours,
 * in the order Authorization, x-api-key, api-key, x-goog-api-key; foreign values are ignored.
 * Throws 401 for missing, unknown and expired, 403 for disabled keys, 429 where the admin's password or a key is being
 * guessed, 503 where only the store could tell and cannot be asked.
 */
export function authenticate(
  presented: Presented,
  door: Doorkeeper,
  address: string,
  now: number,
  memory: CredentialMemory = emptyMemory(),
): Principal | Promise<Principal> {
  const caller = { address, now, memory }
  if (presented.vk !== null) return principalOf(presented.vk, 'x-bf-vk', door, caller)
  if (presented.bearer !== null && looksOurs.test(presented.bearer))
    return principalOf(presented.bearer, 'Authorization', door, caller)
  if (presented.bearer !== null && isSessionToken(presented.bearer))
    return admitSession(presented.bearer, door)
  const ours = presented.apiKeys.find(({ value }) => looksOurs.test(value))
  if (presented.basic !== null) return admitBasic(presented.basic, ours, door, address, now)
  if (ours) return principalOf(ours.value, ours.header, door, caller)
  if (door.anonymous) return door.anonymous
  throw new GatewayError(
    'virtual_key_required',
    'No virtual key in the request. Send "Authorization: Bearer sk-bf-…" (also read: x-bf-vk, x-api-key, api-key, x-goog-api-key). The first key stands in first-run.txt in the data folder.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
}

async function admitSession(token: string, { admin }: Doorkeeper): Promise<Principal> {
  const found = await admin.checkSession?.(token)
  if (found) return found
  throw new GatewayError('invalid_api_key', 'This session is over. Log in again.', {
    headers: { 'www-authenticate': 'Bearer' },
  })
}

/** A reverse proxy's own Basic must not shadow a key of ours behind it, not even once it was tried too often. */
async function admitBasic(
  basic: string,
  ours: { readonly header: string; readonly value: string } | undefined,
  door: Doorkeeper,
  address: string,
  now: number,
): Promise<Principal> {
  try {
    const admin = await door.admin.check(basic, address)
    if (admin) return admin
  } catch (thrown) {
    if (!ours) throw thrown
  }
  if (ours)
    return principalOf(ours.value, ours.header, door, { address, now, memory: emptyMemory() })
  throw new GatewayError('invalid_api_key', 'The admin name or password is wrong', {
    headers: { 'www-authenticate': 'Basic realm="Sluice", charset="UTF-8"' },
  })
}

interface Caller {
  readonly address: string
  readonly now: number
  readonly memory: CredentialMemory
}

function principalOf(
  value: string,
  header: string,
  { keys, admin }: Doorkeeper,
  { address, now, memory }: Caller,
): Principal {
  const key = keys.find(value, memory)
  if (!key) {
    admin.guesses?.note(address)
    // It may have been made elsewhere since: a store that is down is no reason to call a key unknown.
    if ((admin.keysKnown?.() ?? 'known') !== 'known') throw notAsked()
    throw new GatewayError(
      'invalid_api_key',
      `This virtual key is not known here (${hintOf(value)}, read from ${header}). Keys of another install do not carry over.`,
    )
  }
  if (key.isStored && admin.keysKnown?.() === 'stale') throw notAsked()
  if (!key.enabled)
    throw new GatewayError(
      'key_disabled',
      `The virtual key "${key.name}" is disabled. Ask the gateway's admin to enable it or to give you another.`,
    )
  if (key.expiresAt !== null && key.expiresAt <= now)
    throw new GatewayError(
      'invalid_api_key',
      `The virtual key "${key.name}" expired at ${new Date(key.expiresAt).toISOString()}. Ask the gateway's admin for another.`,
    )
  return key.principal
}

const notAsked = (): GatewayError =>
  new GatewayError(
    'storage_unavailable',
    'The store cannot be asked whether this virtual key holds. Try again shortly.',
    { retryAfterMs: 1000 },
  )

/** Enough to tell one's keys apart, too little to use: the first six and the last four characters. */
function hintOf(value: string): string {
  const printable = value.replace(/[^\x21-\x7e]/g, '?')
  return printable.length >= 20
    ? `${printable.slice(0, 6)}…${printable.slice(-4)}`
    : 'too short to be one'
}
