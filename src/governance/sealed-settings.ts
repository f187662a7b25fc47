import { secretSettings } from '../config/cloud-keys.ts'
import { maskSecret } from '../config/mask.ts'
import type { StoredProvider, StoredProviderKey } from '../store/access-store.ts'
import type { Sealer } from './sealer.ts'

type Words = Readonly<Record<string, unknown>>

/** Of a key; the first that is given is what a hint is made of. */
const keySecrets = ['value', 'secret_access_key', 'client_secret', ...secretSettings] as const
const providerSecrets = ['headers', 'proxy']

/** What the store keeps of a provider's settings: those that may hold secrets are one sealed text. */
export function sealProvider(id: string, settings: Words, sealer: Sealer): Words {
  const [secret, open] = parted(settings, providerSecrets)
  if (Object.keys(secret).length === 0) return open
  return { ...open, sealed: sealer.seal(JSON.stringify(secret), id) }
}

/** A provider's settings as they were given. Throws `internal_error` where they cannot be opened. */
export function openProvider({ id, settings }: StoredProvider, sealer: Sealer): Words {
  const { sealed, ...open } = settings
  return sealed === undefined ? open : { ...open, ...opened(String(sealed), id, sealer) }
}

/** What the store keeps of a key, in the words the file has for it. */
export function sealKey(
  id: string,
  key: Words,
  sealer: Sealer,
): Pick<StoredProviderKey, 'settings' | 'sealed' | 'hint'> {
  const [secret, settings] = parted(key, keySecrets)
  const shown = keySecrets.map((name) => secret[name]).find((value) => value !== undefined)
  return {
    settings,
    sealed: sealer.seal(JSON.stringify(secret), id),
    hint: maskSecret(String(shown ?? '')),
  }
}

/** A key as a file would have it, with its name and its secrets. Throws as `openProvider`. */
export function openKey({ id, name, settings, sealed }: StoredProviderKey, sealer: Sealer): Words {
  return { name, ...settings, ...opened(sealed, id, sealer) }
}

const opened = (sealed: string, id: string, sealer: Sealer): Words =>
  JSON.parse(sealer.open(sealed, id))

function parted(all: Words, names: readonly string[]): readonly [chosen: Words, others: Words] {
  const entries = Object.entries(all)
  return [
    Object.fromEntries(entries.filter(([name]) => names.includes(name))),
    Object.fromEntries(entries.filter(([name]) => !names.includes(name))),
  ]
}
