import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Sealer } from '../governance/sealer.ts'
import type { Store } from '../store/store.ts'
import { UsageError } from './usage-error.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The master secrets: what everything is sealed with from now on, and what it was sealed with before. */
export interface MasterKeys {
  readonly current: Buffer
  readonly former: Buffer | null
}

/** What follows from the master secrets, and from what the store has of them. */
export interface Unlocked {
  readonly settings: ReadonlyMap<string, string>
  /** What virtual keys are hashed with. */
  readonly keySecret: Buffer
  readonly sealer: Sealer
  /** Whether there may be something that the former one sealed. */
  readonly hasFormer: boolean
}

/** The master secret is given, or made once and kept beside the data; the one before it is only ever given. */
export function readMasterKeys(dataDir: string, env: Environment): MasterKeys {
  return {
    current: given('SLUICE_ENCRYPTION_KEY', env) ?? keptKey(dataDir),
    former: given('SLUICE_ENCRYPTION_KEY_OLD', env),
  }
}

const shortest = 16

function given(name: string, env: Environment): Buffer | null {
  const value = env[name]
  if (value === undefined || value === '') return null
  if (value.length >= shortest) return Buffer.from(value)
  throw new UsageError(
    `${name} is shorter than ${shortest} characters. Use a long random text, such as 32 random bytes in base64.`,
    2,
  )
}

function keptKey(dataDir: string): Buffer {
  const file = path.join(dataDir, 'encryption.key')
  if (!existsSync(file))
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  const kept = readFileSync(file, 'utf8').trim()
  if (kept.length >= shortest) return Buffer.from(kept)
  throw new UsageError(
    `${file} is empty or cut short. Put back the key that was in it; where nothing was sealed with it yet, remove the file.`,
    2,
  )
}

const derive = (master: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', master, 'sluice', purpose, 32))
const sealingKeyOf = (master: Buffer): Buffer => derive(master, 'sealing')
const checkOf = (master: Buffer): string =>
  createHmac('sha256', derive(master, 'check')).update('sluice').digest('hex')

const checkName = 'encryption.check'
/** Under the name of its master, so that whichever master the check names has one that it can open. */
const secretName = (master: Buffer): string => `virtual_keys.secret.${checkOf(master).slice(0, 16)}`

/**
 * Checks the master secret against the store: a wrong one would make every key unknown without a word. Where the store
 * still knows the former one, it knows the new one from here on. Throws a UsageError that names the variable.
 */
export async function unlock(store: Store, { current, former }: MasterKeys): Promise<Unlocked> {
  const sealer = new Sealer(sealingKeyOf(current), former && sealingKeyOf(former))
  const settings = await store.initialiseSettings({ [checkName]: checkOf(current) })
  const known = settings.get(checkName)
  const open = (master: Buffer): Buffer => readKeySecret(master, settings, sealer)
  if (known === checkOf(current))
    return { settings, sealer, keySecret: open(current), hasFormer: former !== null }
  if (former === null || known !== checkOf(former)) throw wrongKey(former !== null)
  // Virtual keys are kept as hashes that nobody can make anew, so their secret outlives the master it came from.
  const keySecret = open(former)
  const name = secretName(current)
  await store.putSetting(name, sealer.seal(keySecret.toString('base64'), name))
  await store.putSetting(checkName, checkOf(current))
  await store.putSetting(secretName(former), '')
  return { settings: await store.readSettings(), sealer, keySecret, hasFormer: true }
}

function readKeySecret(
  master: Buffer,
  settings: ReadonlyMap<string, string>,
  sealer: Sealer,
): Buffer {
  const name = secretName(master)
  const sealed = settings.get(name)
  return sealed ? Buffer.from(sealer.open(sealed, name), 'base64') : derive(master, 'virtual-keys')
}

const wrongKey = (isFormerGiven: boolean): UsageError =>
  new UsageError(
    isFormerGiven
      ? 'Neither SLUICE_ENCRYPTION_KEY nor SLUICE_ENCRYPTION_KEY_OLD is the one this database was made with. Give the one in use so far as SLUICE_ENCRYPTION_KEY_OLD, and the new one as SLUICE_ENCRYPTION_KEY.'
      : 'SLUICE_ENCRYPTION_KEY (or encryption.key in the data folder) is not the one this database was made with. Give the one it was made with; to replace it, give that one as SLUICE_ENCRYPTION_KEY_OLD beside the new one.',
    2,
  )
