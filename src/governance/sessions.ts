import { createHash, randomBytes } from 'node:crypto'
import type { Principal } from '../core/principal.ts'
import type { Runtime } from '../core/runtime.ts'
import type { AccessStore, AuditEntry, SessionRules, StoredSession } from '../store/access-store.ts'
import { adminPrincipal } from './admin-door.ts'

const minuteMs = 60_000
export const sessionRules: SessionRules = {
  idleMs: 30 * minuteMs,
  absoluteMs: 12 * 60 * minuteMs,
  noteMs: minuteMs,
}

type SessionStore = Pick<
  AccessStore,
  | 'createSession'
  | 'touchSession'
  | 'listSessions'
  | 'deleteSession'
  | 'deleteSessions'
  | 'sweepSessions'
>

/** The admin's sessions. They live in the store, so each is over everywhere at once; only a hash of its token is kept. */
export class Sessions {
  readonly #store: SessionStore
  readonly #runtime: Runtime

  constructor(store: SessionStore, runtime: Runtime) {
    this.#store = store
    this.#runtime = runtime
  }

  /** Always another token: one that was fixed before a login is worth nothing after it. */
  async open(
    actor: string,
    audit: AuditEntry,
  ): Promise<{ readonly token: string; readonly stored: StoredSession }> {
    const now = this.#runtime.clock.now()
    // Whoever logs in pays for those that were left behind.
    await this.#store.sweepSessions(sessionRules, now)
    const token = `sluice-session-${randomBytes(32).toString('base64url')}`
    const stored = {
      id: idOf(token),
      actor,
      createdAt: now,
      usedAt: now,
      expiresAt: now + sessionRules.absoluteMs,
    }
    await this.#store.createSession(stored, audit)
    return { token, stored }
  }

  /** Null: there is none, or it is over. */
  async find(token: string): Promise<StoredSession | null> {
    return await this.#store.touchSession(idOf(token), sessionRules, this.#runtime.clock.now())
  }

  /** For the door: whoever has a session is the admin, on every route. */
  async check(token: string): Promise<Principal | null> {
    return (await this.find(token)) === null ? null : adminPrincipal
  }

  /** Those that are not over, the newest first. */
  async list(actor: string): Promise<readonly StoredSession[]> {
    return await this.#store.listSessions(actor, sessionRules, this.#runtime.clock.now())
  }

  /** By its id. False: there was none. */
  async end(id: string, audit: AuditEntry): Promise<boolean> {
    return await this.#store.deleteSession(id, audit)
  }

  async close(token: string, audit: AuditEntry): Promise<void> {
    await this.#store.deleteSession(idOf(token), audit)
  }

  /** Answers how many there were. */
  async closeAll(actor: string, audit: AuditEntry | null): Promise<number> {
    return await this.#store.deleteSessions(actor, audit)
  }
}

const idOf = (token: string): string => createHash('sha256').update(token).digest('hex')
