import type { AuditEntry, SessionRules, StoredSession } from './access-store.ts'
import { appendAudit } from './audit-commands.ts'
import { build } from './query-builder.ts'
import type { SessionsTable } from './schema-access.ts'
import { change, rows, type Steps } from './steps.ts'

/** The newest of them: a program that logs in for each call leaves many. */
const mostListed = 200

export function* createSession(session: StoredSession, audit: AuditEntry | null): Steps<void> {
  yield* change(
    build.insertInto('sessions').values({
      id: session.id,
      actor: session.actor,
      created_at: session.createdAt,
      used_at: session.usedAt,
      expires_at: session.expiresAt,
    }),
  )
  if (audit !== null) yield* appendAudit(audit)
}

export function* listSessions(
  actor: string,
  rules: SessionRules,
  now: number,
): Steps<readonly StoredSession[]> {
  const query = build
    .selectFrom('sessions')
    .selectAll()
    .where('actor', '=', actor)
    .where('expires_at', '>', now)
    .where('created_at', '>', now - rules.absoluteMs)
    .where('used_at', '>', now - rules.idleMs)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(mostListed)
  return (yield* rows(query)).map(toSession)
}

export function* touchSession(
  id: string,
  rules: SessionRules,
  now: number,
): Steps<StoredSession | null> {
  const query = build
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .where('created_at', '>', now - rules.absoluteMs)
    .where('used_at', '>', now - rules.idleMs)
  const row = (yield* rows(query))[0]
  if (!row) return null
  const isDue = row.used_at <= now - rules.noteMs
  if (isDue) yield* change(build.updateTable('sessions').set({ used_at: now }).where('id', '=', id))
  return { ...toSession(row), usedAt: isDue ? now : row.used_at }
}

const toSession = (row: SessionsTable): StoredSession => ({
  id: row.id,
  actor: row.actor,
  createdAt: row.created_at,
  usedAt: row.used_at,
  expiresAt: row.expires_at,
})

export function* deleteSession(id: string, audit: AuditEntry | null): Steps<boolean> {
  const count = yield* change(build.deleteFrom('sessions').where('id', '=', id))
  if (count > 0 && audit !== null) yield* appendAudit(audit)
  return count > 0
}

export function* deleteSessions(actor: string, audit: AuditEntry | null): Steps<number> {
  const count = yield* change(build.deleteFrom('sessions').where('actor', '=', actor))
  if (count > 0 && audit !== null) yield* appendAudit(audit)
  return count
}

export function* sweepSessions(rules: SessionRules, now: number): Steps<number> {
  return yield* change(
    build
      .deleteFrom('sessions')
      .where((session) =>
        session.or([
          session('expires_at', '<=', now),
          session('created_at', '<=', now - rules.absoluteMs),
          session('used_at', '<=', now - rules.idleMs),
        ]),
      ),
  )
}
