import type { ProviderStanding } from '../api/admin/provider-desk.ts'
import { allManaged } from '../api/admin/provider-lookup.ts'
import { compileStored, compileStoredKey, type StoredContext } from '../config/compile-stored.ts'
import type { Config, ModelConfig, ProviderConfig, ProviderKeyConfig } from '../config/config.ts'
import { openKey, openProvider } from '../governance/sealed-settings.ts'
import type { Sealer } from '../governance/sealer.ts'
import type { StoredProvider, StoredProviderKey } from '../store/access-store.ts'
import type { Store } from '../store/store.ts'

/** What the store has of providers. */
export interface StoredProviders {
  readonly providers: readonly StoredProvider[]
  readonly keys: readonly StoredProviderKey[]
  /** Another one after every change. */
  readonly stamp: string
}

export async function readProviders(store: Pick<Store, 'listManaged'>): Promise<StoredProviders> {
  const [providers, keys] = await Promise.all([
    allManaged(store, 'provider'),
    allManaged(store, 'provider_key'),
  ])
  const stamp = [...providers, ...keys].map(({ id, version }) => `${id} ${version}`).join()
  // The older comes first, as in a file.
  return { providers: providers.toReversed(), keys: keys.toReversed(), stamp }
}

/**
 * The file's configuration with what was made by the API beside it. What is wrong of that is left out and told, by its id:
 * it must not keep the gateway from starting.
 */
export function withStored(
  file: Config,
  stored: StoredProviders,
  sealer: Sealer,
  context: StoredContext,
): { readonly config: Config; readonly standing: ProviderStanding } {
  const merge = new Merge(stored, sealer, context)
  const providers = new Map<string, ProviderConfig>()
  for (const provider of file.providers.values())
    providers.set(provider.name, merge.besideFile(provider))
  for (const row of stored.providers) {
    const made = file.providers.has(row.name) ? null : merge.compile(row)
    if (made) providers.set(row.name, made)
  }
  const known = new Set([...file.providers.keys(), ...stored.providers.map(({ name }) => name)])
  for (const key of stored.keys)
    if (!known.has(key.provider)) merge.problems.set(key.id, 'There is no provider of that name')
  const models = new Map(
    [...file.models].map(([name, model]) => [name, served(model, file, providers)]),
  )
  const config = { ...file, providers, models }
  return { config, standing: { problems: merge.problems, warnings: merge.warnings } }
}

/** Targets that the file names are served by whoever has that name now. */
function served(
  model: ModelConfig,
  { models }: Config,
  providers: ReadonlyMap<string, ProviderConfig>,
): ModelConfig {
  const isServed = (name: string): boolean =>
    models.has(name) || providers.has(name.slice(0, Math.max(0, name.indexOf('/'))))
  return {
    ...model,
    targets: model.declared.targets.filter((target) => isServed(target.model)),
    fallbacks: model.declared.fallbacks.filter(isServed),
  }
}

type Words = Readonly<Record<string, unknown>>

class Merge {
  readonly problems = new Map<string, string>()
  readonly warnings = new Map<string, readonly string[]>()
  readonly #keys: ReadonlyMap<string, readonly StoredProviderKey[]>
  readonly #sealer: Sealer
  readonly #context: StoredContext

  constructor({ keys }: StoredProviders, sealer: Sealer, context: StoredContext) {
    this.#keys = Map.groupBy(keys, ({ provider }) => provider)
    this.#sealer = sealer
    this.#context = context
  }

  /** A provider of the file, with the keys that were made for it; of one name the file's is in force. */
  besideFile(provider: ProviderConfig): ProviderConfig {
    const named = new Set(provider.keys?.map(({ name }) => name))
    const keys: ProviderKeyConfig[] = []
    for (const row of this.#keys.get(provider.name) ?? []) {
      if (!row.enabled || named.has(row.name)) continue
      const words = this.#open(row.id, () => openKey(row, this.#sealer))
      if (!words) continue
      const { key, problems } = compileStoredKey(provider, words, this.#context)
      if (key) keys.push(key)
      else this.problems.set(row.id, sentence(problems))
    }
    return keys.length === 0 ? provider : { ...provider, keys: [...(provider.keys ?? []), ...keys] }
  }

  /** Null: it is not in force. */
  compile(row: StoredProvider): ProviderConfig | null {
    const { name } = row
    const settings = this.#open(row.id, () => openProvider(row, this.#sealer))
    if (!settings) return null
    const alone = compileStored({ name, settings, keys: [] }, this.#context)
    if (alone.problems.length > 0) return this.#refuse(row, sentence(alone.problems))
    const rows = this.#keys.get(name) ?? []
    const keys = rows.flatMap((key) => {
      const words = this.#usable(key, settings)
      return words ? [words] : []
    })
    if (keys.length === 0) {
      // What it has none in force of is not called without a credential.
      const closed = rows.length > 0 || alone.needsKeys
      if (!alone.provider)
        return this.#refuse(row, 'It has no key in force, which its address follows from')
      if (closed) this.warnings.set(row.id, ['It has no key in force, so it is not called'])
      return { ...alone.provider, keys: closed ? [] : null }
    }
    const { provider, problems, warnings } = compileStored({ name, settings, keys }, this.#context)
    if (!provider) return this.#refuse(row, sentence(problems))
    if (warnings.length > 0) this.warnings.set(row.id, warnings)
    return provider
  }

  /** A key that is on and as it should be. */
  #usable(row: StoredProviderKey, settings: Words): Words | null {
    if (!row.enabled) return null
    const words = this.#open(row.id, () => openKey(row, this.#sealer))
    if (!words) return null
    // Beside others it may weigh nothing.
    const keys = [words['weight'] === 0 ? { ...words, weight: 1 } : words]
    const { problems } = compileStored({ name: row.provider, settings, keys }, this.#context)
    if (problems.length === 0) return words
    this.problems.set(row.id, sentence(problems))
    return null
  }

  #open(id: string, open: () => Words): Words | null {
    try {
      return open()
    } catch {
      this.problems.set(id, 'What is secret of it cannot be opened with SLUICE_ENCRYPTION_KEY')
      return null
    }
  }

  #refuse({ id }: StoredProvider, problem: string): null {
    this.problems.set(id, problem)
    return null
  }
}

const sentence = (problems: readonly { readonly message: string }[]): string =>
  problems.map(({ message }) => message).join(' ') || 'It cannot be used as it is'
