import { GatewayError } from '../core/errors.ts'
import { ownerOf, type Principal } from '../core/principal.ts'
import { adminPrincipal } from './admin-door.ts'
import type { Doorkeeper } from './authenticate.ts'

/**
 * The rights of whoever handed in a job, as they stand now. Throws `key_revoked` where the caller would not be let in
 * any more: what is spent in a name must stop when the name is taken away.
 */
export function principalOfOwner(
  owner: string,
  { keys, anonymous }: Pick<Doorkeeper, 'keys' | 'anonymous'>,
  now: number,
): Principal {
  if (owner === ownerOf(adminPrincipal)) return adminPrincipal
  if (anonymous && owner === ownerOf(anonymous)) return anonymous
  const key = owner.startsWith('key:') ? keys.named(owner.slice('key:'.length)) : null
  if (key?.enabled && (key.expiresAt === null || key.expiresAt > now)) return key.principal
  throw new GatewayError(
    'key_revoked',
    'The key this job was submitted with was removed, disabled or has expired before the job ran',
  )
}
