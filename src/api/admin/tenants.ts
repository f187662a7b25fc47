import type { Config } from '../../config/config.ts'
import type { ManagedKinds } from '../../store/access-store.ts'
import type { Store } from '../../store/store.ts'
import { invalid } from './check-fields.ts'

type TenantKind = 'team' | 'customer'
const atOnce = 500

/** Everything of a kind that was made by the API, the newest first. `search`: at least those with that in their name. */
export async function* eachManaged<Kind extends keyof ManagedKinds>(
  store: Pick<Store, 'listManaged'>,
  kind: Kind,
  search: string | null = null,
  start: string | null = null,
): AsyncGenerator<ManagedKinds[Kind]> {
  for (let after = start; ; ) {
    const page: readonly ManagedKinds[Kind][] = await store.listManaged(
      kind,
      { after, limit: atOnce },
      search,
    )
    yield* page
    if (page.length < atOnce) return
    after = page.at(-1)?.id ?? null
  }
}

/** Names of teams and customers by their ids. */
export type TenantNames = ReadonlyMap<string, string>

/** Of those that something belongs to. */
export async function tenantNames(
  store: Pick<Store, 'findNames'>,
  owned: readonly { readonly teamId?: string | null; readonly customerId?: string | null }[],
): Promise<TenantNames> {
  const teams = new Set(owned.flatMap(({ teamId }) => teamId ?? []))
  const customers = new Set(owned.flatMap(({ customerId }) => customerId ?? []))
  if (teams.size === 0 && customers.size === 0) return new Map()
  const [one, other] = await Promise.all([
    store.findNames('team', [...teams]),
    store.findNames('customer', [...customers]),
  ])
  return new Map([...one, ...other])
}

/** The id of the one of that name that was made by the API; null: there is none. */
export async function findTenant(
  store: Pick<Store, 'listManaged'>,
  kind: TenantKind,
  name: string,
): Promise<string | null> {
  for await (const each of eachManaged(store, kind, name)) if (each.name === name) return each.id
  return null
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
  const found = await findTenant(store, kind, name)
  if (found !== null) return found
  const ofFile = kind === 'team' ? config.teams : config.customers
  throw invalid(
    kind,
    ofFile.some((each) => each.name === name)
      ? `That ${kind} is the configuration file's, and only the file's keys can belong to it`
      : `There is no ${kind} of that name`,
  )
}
