import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import { isSessionToken, type Presented } from '../http/auth-header.ts'
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
}

const looksOurs = /^sk-bf-/i

/**
 * Who makes this request. `x-bf-vk` decides alone when present; of the rest the first that looks like one of ours,
 * in the order Authorization, x-api-key, api-key, x-goog-api-key; foreign values are ignored.
 * Throws 401 for missing, unknown and expired, 403 for disabled keys, 429 where the admin's password is being guessed.
 */
export function authenticate(
  presented: Presented,
  door: Doorkeeper,
  address: string,
  now: number,
  memory: CredentialMemory = emptyMemory(),
): Principal | Promise<Principal> {
  if (presented.vk !== null) return principalOf(presented.vk, 'x-bf-vk', door, now, memory)
  if (presented.bearer !== null && looksOurs.test(presented.bearer))
    return principalOf(presented.bearer, 'Authorization', door, now, memory)
  if (presented.bearer !== null && isSessionToken(presented.bearer))
    return admitSession(presented.bearer, door)
  const ours = presented.apiKeys.find(({ value }) => looksOurs.test(value))
  if (presented.basic !== null) return admitBasic(presented.basic, ours, door, address, now)
  if (ours) return principalOf(ours.value, ours.header, door, now, memory)
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
  if (ours) return principalOf(ours.value, ours.header, door, now, emptyMemory())
  throw new GatewayError('invalid_api_key', 'The admin name or password is wrong', {
    headers: { 'www-authenticate': 'Basic realm="Sluice", charset="UTF-8"' },
  })
}

function principalOf(
  value: string,
  header: string,
  door: Doorkeeper,
  now: number,
  memory: CredentialMemory,
): Principal {
  const key = door.keys.find(value, memory)
  if (!key)
    throw new GatewayError(
      'invalid_api_key',
      `This virtual key is not known here (${hintOf(value)}, read from ${header}). Keys of another install do not carry over.`,
    )
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

/** Enough to tell one's keys apart, too little to use: the first six and the last four characters. */
function hintOf(value: string): string {
  const printable = value.replace(/[^\x21-\x7e]/g, '?')
  return printable.length >= 20
    ? `${printable.slice(0, 6)}…${printable.slice(-4)}`
    : 'too short to be one'
}
