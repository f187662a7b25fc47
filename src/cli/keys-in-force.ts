import { randomUUID } from 'node:crypto'
import { eachManaged } from '../api/admin/tenants.ts'
import type { Config, VirtualKeyConfig } from '../config/config.ts'
import type { Scope } from '../core/allowance.ts'
import type { VirtualKey } from '../core/principal.ts'
import { hashKey } from '../governance/key-table.ts'
import { hintOf } from '../governance/key-value.ts'
import type { StoredKey } from '../store/access-store.ts'
import type { Store } from '../store/store.ts'

const hashed = ({ virtualKeys }: Config, secret: Buffer) =>
  virtualKeys.map((key) => ({ key, hash: hashKey(key.value, secret) }))

/** Makes the store's history of the file's keys follow the file. To be done before they are read. */
export async function followFileKeys(
  store: Store,
  config: Config,
  secret: Buffer,
  now: number,
): Promise<void> {
  const keys = hashed(config, secret).map(({ key, hash }) => ({
    id: randomUUID(),
    name: key.name,
    hash,
    hint: hintOf(key.value),
  }))
  await store.followFileKeys(keys, now)
}

/** The keys that open the gateway: the file's, then the store's that the file does not shadow by name. */
export async function readKeysInForce(
  store: Store,
  config: Config,
  secret: Buffer,
): Promise<readonly VirtualKey[]> {
  const fromFile = hashed(config, secret)
  const tenants = await loadTenants(store, config)
  const all = await readAllKeys(store)
  const idOf = new Map(
    all.flatMap(({ origin, name, id }) => (origin === 'file' ? [[name, id]] : [])),
  )
  const named = new Set(config.virtualKeys.map(({ name }) => name))
  const stored = all.filter(({ origin, name }) => origin !== 'file' && !named.has(name))
  return [
    ...fromFile.map(({ key, hash }) => ofFile(key, hash, idOf.get(key.name) ?? '', tenants)),
    ...stored.flatMap((key) => ofStore(key, tenants)),
  ]
}

/** Oldest first. A page at a time: ten thousand at once would hold up calls, and whatever the store writes, for a tenth of a second. */
async function readAllKeys(store: Store): Promise<readonly StoredKey[]> {
  const all: StoredKey[] = []
  for (let after: string | null = null; ; ) {
    const page: readonly StoredKey[] = await store.pageKeys(everyKey, { after, limit: pageSize })
    all.push(...page)
    if (page.length < pageSize) return all.reverse()
    after = page.at(-1)?.id ?? null
  }
}

const pageSize = 500
const everyKey = { search: null, side: null, teamId: null, customerId: null, enabled: null }

interface Tenant extends Scope {
  /** Of a team; empty: it belongs to nobody. */
  readonly customerId: string
}

/** Teams and customers by their ids. */
type Tenants = ReadonlyMap<string, Tenant>

/** Those of the file are known by their names: the same name in the store is another one. */
const fileId = (kind: 'team' | 'customer', name: string): string => `file:${kind}:${name}`

async function loadTenants(store: Store, { teams, customers }: Config): Promise<Tenants> {
  const tenants = new Map<string, Tenant>()
  for (const { name, limits, budget } of customers) {
    const id = fileId('customer', name)
    tenants.set(id, { kind: 'customer', id, name, limits, budget, customerId: '' })
  }
  for (const { name, customer, limits, budget } of teams) {
    const id = fileId('team', name)
    const customerId = customer === null ? '' : fileId('customer', customer)
    tenants.set(id, { kind: 'team', id, name, limits, budget, customerId })
  }
  for await (const { id, name, limits, budget } of eachManaged(store, 'customer'))
    tenants.set(id, { kind: 'customer', id, name, limits, budget, customerId: '' })
  for await (const { id, name, limits, budget, customerId } of eachManaged(store, 'team'))
    tenants.set(id, { kind: 'team', id, name, limits, budget, customerId: customerId ?? '' })
  return tenants
}

function ofFile(key: VirtualKeyConfig, hash: string, id: string, tenants: Tenants): VirtualKey {
  const teamId = key.team === null ? '' : fileId('team', key.team)
  const customerId = key.customer === null ? '' : fileId('customer', key.customer)
  return {
    name: key.name,
    hash,
    enabled: key.enabled,
    expiresAt: key.expiresAt,
    principal: {
      id,
      ...belongingOf({ kind: 'key', id, ...key }, teamId, customerId, tenants),
      providers: key.providers,
      providerKeys: key.providerKeys,
      kind: 'virtual-key',
      name: key.name,
      models: key.models,
      forwardHeaders: key.forwardHeaders,
      mayPin: key.allowPinning,
      logContent: key.logContent,
    },
  }
}

/** After a rotation the value before opens as well, for a while. */
function ofStore(key: StoredKey, tenants: Tenants): readonly VirtualKey[] {
  const { id, name, enabled, expiresAt, previous } = key
  const { teamId, customerId } = key
  const principal = {
    id,
    ...belongingOf({ ...key, kind: 'key' }, teamId ?? '', customerId ?? '', tenants),
    providers: key.providers,
    providerKeys: key.providerKeys,
    kind: 'virtual-key' as const,
    name,
    models: key.models,
    forwardHeaders: key.forwardHeaders,
    mayPin: key.mayPin,
    logContent: key.logContent,
  }
  const current = { name, hash: key.hash, enabled, expiresAt, isStored: true, principal }
  if (!previous) return [current]
  const until = Math.min(previous.until, expiresAt ?? Number.POSITIVE_INFINITY)
  return [current, { ...current, hash: previous.hash, expiresAt: until }]
}

/** Whom a key belongs to, and whose limits and budgets hold for it. */
function belongingOf(
  own: Scope,
  teamId: string,
  customerId: string,
  tenants: Tenants,
): { readonly teamId: string; readonly customerId: string; readonly scopes: readonly Scope[] } {
  const team = tenants.get(teamId)
  const customer = tenants.get(customerId) ?? tenants.get(team?.customerId ?? '')
  const scopes = [own, team, customer].flatMap((scope) => {
    // Those that nothing is counted for cost nothing.
    if (!scope || (!scope.limits && !scope.budget)) return []
    const { kind, id, name, limits, budget } = scope
    return [{ kind, id, name, limits, budget }]
  })
  return { teamId: team?.id ?? '', customerId: customer?.id ?? '', scopes }
}
