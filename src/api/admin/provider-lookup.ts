import type { ProviderConfig } from '../../config/config.ts'
import type {
  ManagedKind,
  ManagedKinds,
  StoredProvider,
  StoredProviderKey,
} from '../../store/access-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { missing } from './change.ts'
import { invalid } from './check-fields.ts'
import { type ListPage, pageOfFetched, usualLimit } from './page.ts'
import { eachManaged } from './tenants.ts'

export type ProviderDeps = Pick<
  AdminDeps,
  'store' | 'runtime' | 'renewAccess' | 'providers' | 'sealer'
>

/** Of what there are few, the newest first. */
export async function allManaged<Kind extends ManagedKind>(
  store: Pick<AdminDeps['store'], 'listManaged'>,
  kind: Kind,
): Promise<readonly ManagedKinds[Kind][]> {
  const all: ManagedKinds[Kind][] = []
  for await (const each of eachManaged(store, kind)) all.push(each)
  return all
}

/** Everything there is of providers, the newest first, and what the file has. */
export interface KnownProviders {
  readonly file: ReadonlyMap<string, ProviderConfig>
  readonly stored: readonly StoredProvider[]
  /** By the names of their providers. */
  readonly keys: ReadonlyMap<string, readonly StoredProviderKey[]>
}

export async function readKnown({
  store,
  providers,
}: Pick<ProviderDeps, 'store' | 'providers'>): Promise<KnownProviders> {
  const [stored, keys] = await Promise.all([
    allManaged(store, 'provider'),
    allManaged(store, 'provider_key'),
  ])
  return {
    file: providers.file().providers,
    stored,
    keys: Map.groupBy(keys, ({ provider }) => provider),
  }
}

/** Who is meant by a name, or by the id of one that was made here. */
export type FoundProvider =
  | { readonly kind: 'file'; readonly provider: ProviderConfig }
  | { readonly kind: 'api'; readonly row: StoredProvider }
  /** It is gone, and keys that were made for it are left. */
  | { readonly kind: 'keys'; readonly name: string }

/** Throws `not_found`. */
export function findProvider(name: string, { file, stored, keys }: KnownProviders): FoundProvider {
  const byId = stored.find(({ id }) => id === name)
  if (byId) return { kind: 'api', row: byId }
  const provider = file.get(name)
  if (provider) return { kind: 'file', provider }
  const row = stored.find((each) => each.name === name)
  if (row) return { kind: 'api', row }
  if (keys.has(name)) return { kind: 'keys', name }
  throw missing('provider')
}

export function nameOf(found: FoundProvider): string {
  if (found.kind === 'keys') return found.name
  return found.kind === 'file' ? found.provider.name : found.row.name
}

/** A part of a list of which there are few. Throws `invalid_request` where `after` is none of it. */
export function pageOfAll<T extends { readonly id: string }>(
  all: readonly T[],
  { limit = usualLimit, after }: { readonly limit?: number; readonly after?: string },
): ListPage<T> {
  const last = after === undefined ? -1 : all.findIndex(({ id }) => id === after)
  if (after !== undefined && last < 0)
    throw invalid('after', '"after" must be an id of this list: the last of the page before')
  return pageOfFetched(all.slice(last + 1), limit)
}
