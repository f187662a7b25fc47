import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { Sessions } from '../../governance/sessions.ts'
import { isSessionToken, readCredentials } from '../../http/auth-header.ts'
import type { StoredSession } from '../../store/access-store.ts'
import { identify } from '../identify.ts'
import { readSessionCookie } from './session-cookie.ts'

export interface AdminDoorDeps {
  readonly gateway: Pick<Gateway, 'snapshot'>
  readonly runtime: Runtime
  readonly sessions: Sessions
}

/** Who administers, and how they came in. */
export interface Admin {
  readonly username: string
  /** Null: by Basic. */
  readonly session: { readonly token: string; readonly stored: StoredSession } | null
}

/** Throws 401 without the admin's credential, 403 for a virtual key. */
export async function requireAdmin(req: IncomingMessage, deps: AdminDoorDeps): Promise<Admin> {
  const { gateway, runtime, sessions } = deps
  const { door, config } = gateway.snapshot
  const token = sessionTokenOf(req)
  if (token !== null) {
    const stored = await sessions.find(token)
    if (stored) return { username: stored.actor, session: { token, stored } }
    throw new GatewayError('invalid_api_key', 'This session is over. Log in again.', {
      headers: { 'www-authenticate': 'Bearer' },
    })
  }
  // Rights of anonymous callers end where administration begins.
  const strict = { ...door, anonymous: null }
  const principal = await identify(req, strict, config.server, runtime.clock.now())
  if (principal.kind === 'admin') return { username: config.auth.admin.username, session: null }
  throw new GatewayError(
    'forbidden',
    "This is for the gateway's admin: send its name and password by Basic authentication",
  )
}

/** A header that is ours decides before the cookie, which a browser sends by itself. */
function sessionTokenOf(req: IncomingMessage): string | null {
  const { vk, bearer, basic, apiKeys } = readCredentials(req)
  if (vk === null && bearer !== null && isSessionToken(bearer)) return bearer
  if (vk !== null || bearer !== null || basic !== null || apiKeys.length > 0) return null
  return readSessionCookie(req.headers.cookie)
}
