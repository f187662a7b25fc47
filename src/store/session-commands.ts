import type { AuditEntry, SessionRules, StoredSession } from './access-store.ts'
import { appendAudit } from './audit-commands.ts'
import { build } from './query-builder.ts'
import { change, rows, type Steps } from './steps.ts'

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
  return {
    id: row.id,
    actor: row.actor,
    createdAt: row.created_at,
    usedAt: isDue ? now : row.used_at,
    expiresAt: row.expires_at,
  }
}

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
