import type { IncomingMessage } from 'node:http'
import { isSessionToken } from '../../http/auth-header.ts'
import { isTrustedProxy } from '../../http/client-address.ts'

const cookieName = 'sluice_session'

/** The token in the cookie; null: there is none, or none of ours. */
export function readSessionCookie(header: string | undefined): string | null {
  for (const each of (header ?? '').split(';')) {
    const [name = '', value = ''] = each.split('=', 2)
    if (name.trim() === cookieName && isSessionToken(value.trim())) return value.trim()
  }
  return null
}

/** For `Set-Cookie`; a `maxAgeS` of 0 takes it away. */
export function sessionCookie(token: string, maxAgeS: number, isSecure: boolean): string {
  const attributes = ['HttpOnly', 'SameSite=Strict', 'Path=/', `Max-Age=${maxAgeS}`]
  return [`${cookieName}=${token}`, ...attributes, ...(isSecure ? ['Secure'] : [])].join('; ')
}

/** Whether the browser is at the other end of TLS, which ends before the gateway. */
export function cameBySecure(req: IncomingMessage, trusted: readonly string[]): boolean {
  const proto = String(req.headers['x-forwarded-proto'] ?? '').split(',')[0]
  return proto?.trim().toLowerCase() === 'https' && isTrustedProxy(req, trusted)
}
