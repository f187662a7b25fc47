import type { Static } from 'typebox'
import { GatewayError } from '../../core/errors.ts'
import { hashPassword } from '../../governance/admin-door.ts'
import { sessionRules } from '../../governance/sessions.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRoute, bind } from './admin-route.ts'
import { auditOf, inFile, missing } from './change.ts'
import { invalid } from './check-fields.ts'
import {
  changePassword,
  endSession,
  getSession,
  listSessions,
  login,
  logout,
  logoutEverywhere,
  type SessionSchema,
} from './contract-session.ts'
import { timeText } from './page.ts'
import type { Admin } from './require-admin.ts'
import { sessionCookie } from './session-cookie.ts'

type Session = Static<typeof SessionSchema>

/** Anybody can be refused, and the audit is kept for ever. */
const refusalsPerMinute = 30

/** Beginning and ending the admin's sessions. */
export function sessionRoutes(deps: AdminDeps): readonly AdminRoute[] {
  const { gateway, runtime, store, gate, sessions, onLogin } = deps
  const audited = (request: Parameters<typeof auditOf>[0], action: string) => {
    const object = request.admin.username
    return auditOf(request, { action, kind: 'session', object, before: null, after: null }, runtime)
  }
  const refusals = { minute: 0, count: 0 }
  const mayNoteRefusal = (): boolean => {
    const minute = Math.floor(runtime.clock.monotonic() / 60_000)
    if (minute !== refusals.minute) Object.assign(refusals, { minute, count: 0 })
    return ++refusals.count <= refusalsPerMinute
  }
  const basicOf = (username: string, password: string): string =>
    Buffer.from(`${username}:${password}`).toString('base64')
  const noCookie = { 'set-cookie': sessionCookie('', 0, false) }
  return [
    bind(login, async ({ body: { username, password }, address, isSecure, requestId }) => {
      const isKnown = await gate.check(basicOf(username, password), address)
      const admin: Admin = { username, session: null }
      if (!isKnown) {
        if (mayNoteRefusal())
          await store.appendAudit(audited({ admin, requestId }, 'login_refused'))
        // Without the header by which a browser would ask for a password itself.
        throw new GatewayError('invalid_api_key', 'The admin name or password is wrong')
      }
      const { token, stored } = await sessions.open(
        username,
        audited({ admin, requestId }, 'login'),
      )
      onLogin()
      const cookie = sessionCookie(token, sessionRules.absoluteMs / 1000, isSecure)
      const body = { ...show({ username, session: { token, stored } }), token }
      return { body, headers: { 'set-cookie': cookie } }
    }),
    bind(getSession, async ({ admin }) => ({ body: show(admin) })),
    bind(logout, async (request): Promise<AdminReply<null>> => {
      const { session } = request.admin
      if (session) await sessions.close(session.token, audited(request, 'logout'))
      return { body: null, headers: noCookie }
    }),
    bind(logoutEverywhere, async (request) => {
      const audit = audited(request, 'logout_everywhere')
      const ended = await sessions.closeAll(request.admin.username, audit)
      return { body: { ended }, headers: noCookie }
    }),
    bind(changePassword, async (request) => {
      const { current, password } = request.body
      const { admin } = gateway.snapshot.config.auth
      if (admin.password !== null) throw inFile('password')
      // Whoever finds an open browser must not lock its owner out.
      if (!(await gate.check(basicOf(admin.username, current), request.address)))
        throw invalid('current', 'The present password is another')
      const hash = await hashPassword(password)
      await store.putSetting('admin.password_hash', hash)
      gate.replacePassword(hash)
      await store.appendAudit(audited(request, 'change_password'))
      const ended = await sessions.closeAll(admin.username, null)
      // What stands in the file of the first run is of no use any more.
      onLogin()
      return { body: { ended }, headers: noCookie }
    }),
    bind(listSessions, async ({ admin }) => {
      const found = await sessions.list(admin.username)
      const own = admin.session?.stored.id
      const data = found.map((each) => ({
        object: 'open_session' as const,
        id: each.id,
        created_at: timeText(each.createdAt),
        used_at: timeText(each.usedAt),
        expires_at: timeText(each.expiresAt),
        current: each.id === own,
      }))
      return { body: { object: 'list', data } }
    }),
    bind(endSession, async (request): Promise<AdminReply<null>> => {
      const { id = '' } = request.params
      const isEnded = await sessions.end(id, audited(request, 'end_session'))
      if (!isEnded) throw missing('session')
      return { body: null }
    }),
  ]
}

function show({ username, session }: Admin): Session {
  const stored = session?.stored ?? null
  return {
    object: 'session',
    username,
    via: stored ? 'session' : 'basic',
    created_at: stored && timeText(stored.createdAt),
    idle_until: stored && timeText(Math.min(stored.usedAt + sessionRules.idleMs, stored.expiresAt)),
    expires_at: stored && timeText(stored.expiresAt),
  }
}
