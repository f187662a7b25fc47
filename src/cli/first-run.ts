import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../config/config.ts'
import type { Runtime } from '../core/runtime.ts'
import { type AdminCredential, hashPassword, verifyPassword } from '../governance/admin-door.ts'
import { hashKey } from '../governance/key-table.ts'
import { hintOf, newKeyValue } from '../governance/key-value.ts'
import type { Sealer } from '../governance/sealer.ts'
import { newStoredKey } from '../store/new-stored-key.ts'
import type { Store } from '../store/store.ts'
import { type MasterKeys, unlock } from './master-key.ts'
import { UsageError } from './usage-error.ts'

export interface Identity {
  /** What virtual keys are hashed with. */
  readonly keySecret: Buffer
  /** What secrets in the store are sealed with. */
  readonly sealer: Sealer
  /** Whether there may be something that another key sealed before. */
  readonly hasFormer: boolean
  readonly admin: AdminCredential
  /** Clear text of what was generated just now; it is kept nowhere but in first-run.txt. */
  readonly generated: { readonly key: string | null; readonly password: string | null }
}

/** The folder for everything that is kept, for this user's eyes only. Throws one readable sentence (exit 1). */
export function prepareDataDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.W_OK | constants.X_OK)
    if (!statSync(dir).isDirectory()) throw new Error('not a folder')
  } catch (cause) {
    const uid = process.getuid?.() ?? 'this user'
    throw new UsageError(
      `${dir} cannot be written by uid ${uid}. Give that user the folder (chown ${uid} ${dir}), or name another with --data-dir.`,
      1,
      { cause },
    )
  }
}

/** Who may come in: what the configuration and the store do not define is generated, once, and told once. */
export async function establishIdentity(
  store: Store,
  config: Config,
  keys: MasterKeys,
  runtime: Runtime,
): Promise<Identity> {
  const { settings, keySecret, sealer, hasFormer } = await unlock(store, keys)
  const configured = config.auth.admin.password
  const storedHash = settings.get('admin.password_hash')
  const password = configured === null && storedHash === undefined ? readablePassword() : null
  const key = (await needsFirstKey(store, config)) ? newKeyValue(runtime.randomId()) : null
  // Told before it counts: killed in between, the next start makes others and tells those.
  if (key !== null || password !== null) writeFirstRun(config, { key, password })
  const passwordHash =
    password === null
      ? await settledHash(store, settings, configured)
      : await hashPassword(password)
  if (password !== null) await store.initialiseSettings({ 'admin.password_hash': passwordHash })
  if (key !== null) await createFirstKey(store, key, keySecret, runtime)
  return {
    keySecret,
    sealer,
    hasFormer,
    admin: { username: config.auth.admin.username, passwordHash },
    generated: { key, password },
  }
}

/** A configured password that is another than at the last start ends all sessions that were begun with that one. */
async function settledHash(
  store: Store,
  settings: ReadonlyMap<string, string>,
  configured: string | null,
): Promise<string> {
  if (configured === null) return settings.get('admin.password_hash') ?? ''
  const last = settings.get('admin.configured_hash')
  if (last !== undefined && (await verifyPassword(configured, last))) return last
  const hash = await hashPassword(configured)
  await store.putSetting('admin.configured_hash', hash)
  await store.sweepSessions({ idleMs: 0, absoluteMs: 0, noteMs: 0 }, Number.MAX_SAFE_INTEGER)
  return hash
}

async function needsFirstKey(store: Store, config: Config): Promise<boolean> {
  if (config.virtualKeys.length > 0) return false
  return !(await store.listKeys()).some(({ origin }) => origin !== 'file')
}

async function createFirstKey(
  store: Store,
  value: string,
  secret: Buffer,
  runtime: Runtime,
): Promise<void> {
  await store.createKey(
    newStoredKey({
      id: runtime.newId(),
      name: 'first-key',
      hash: hashKey(value, secret),
      hint: hintOf(value),
      origin: 'first-run',
      createdAt: runtime.clock.now(),
    }),
  )
}

export const firstRunFile = (config: Config): string => path.join(config.dataDir, 'first-run.txt')

/** At the first login of the admin: what stands there in clear text has been read by then. */
export function forgetFirstRun(config: Config): void {
  try {
    rmSync(firstRunFile(config), { force: true })
  } catch {
    // A folder that became read-only; the banner goes on naming the file.
  }
}

function writeFirstRun(config: Config, { key, password }: Identity['generated']): void {
  const lines = [
    'Made at the first run of Sluice in this folder. Only hashes of these are kept elsewhere.',
    ...(key === null ? [] : [`virtual key: ${key}`]),
    ...(password === null ? [] : [`admin: ${config.auth.admin.username}`, `password: ${password}`]),
  ]
  writeFileSync(firstRunFile(config), `${lines.join('\n')}\n`, { mode: 0o600 })
}

/** About 100 bits, in groups that can be read out. */
function readablePassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  const text = [...randomBytes(20)].map((byte) => letters[byte % letters.length]).join('')
  return text.replace(/.{4}(?=.)/g, '$&-')
}
