import type { Config } from '../../config/config.ts'
import type { ManagedKinds } from '../../store/access-store.ts'
import type { Store } from '../../store/store.ts'
import { invalid } from './check-fields.ts'

type TenantKind = 'team' | 'customer'
const atOnce = 500

/** Everything of a kind that was made by the API, the newest first. */
export async function listAll<Kind extends keyof ManagedKinds>(
  store: Pick<Store, 'listManaged'>,
  kind: Kind,
): Promise<readonly ManagedKinds[Kind][]> {
  const all: ManagedKinds[Kind][] = []
  for (let after: string | null = null; ; ) {
    const page: readonly ManagedKinds[Kind][] = await store.listManaged(kind, {
      after,
      limit: atOnce,
    })
    all.push(...page)
    if (page.length < atOnce) return all
    after = page.at(-1)?.id ?? null
  }
}

/** Names of teams and customers by their ids. */
export type TenantNames = ReadonlyMap<string, string>

export async function tenantNames(store: Pick<Store, 'listManaged'>): Promise<TenantNames> {
  const [teams, customers] = await Promise.all([listAll(store, 'team'), listAll(store, 'customer')])
  return new Map([...teams, ...customers].map(({ id, name }) => [id, name]))
}

/**
 * The id of one that was made by the API; null stays null and undefined undefined. Throws `invalid_request` where there
 * is none: those of the file belong to the file's keys.
 */
export async function tenantId(
  kind: TenantKind,
  name: string | null | undefined,
  store: Pick<Store, 'listManaged'>,
  config: Pick<Config, 'teams' | 'customers'>,
): Promise<string | null | undefined> {
  if (name === null || name === undefined) return name
  const found = (await listAll(store, kind)).find((each) => each.name === name)
  if (found) return found.id
  const ofFile = kind === 'team' ? config.teams : config.customers
  throw invalid(
    kind,
    ofFile.some((each) => each.name === name)
      ? `That ${kind} is the configuration file's, and only the file's keys can belong to it`
      : `There is no ${kind} of that name`,
  )
}
