import type { Config, ProviderConfig, ProviderKeyConfig } from '../config/config.ts'
import type { Scope } from '../core/allowance.ts'
import { GatewayError } from '../core/errors.ts'
import { fitsAny } from '../core/pattern.ts'
import { type Principal, unbound, type VirtualKey } from '../core/principal.ts'
import type { Route } from '../core/route.ts'
import type { Credential } from '../credentials/credential.ts'
import type { AdminDoor, Doorkeeper } from '../governance/authenticate.ts'
import { KeyTable } from '../governance/key-table.ts'
import { PriceBook } from '../governance/price-book.ts'
import { publishedPrice } from '../governance/price-catalogue.ts'
import type { Tariff } from '../governance/tariff.ts'
import type { ProviderAdapter } from '../providers/adapter.ts'
import { type NamedProvider, type Names, resolveModel } from '../routing/resolve.ts'
import { type Load, newLoad } from '../routing/retry-budget.ts'
import type { Endpoint } from '../transport/transport.ts'

export interface Provider {
  readonly name: string
  readonly config: ProviderConfig
  readonly adapter: ProviderAdapter
  readonly endpoint: Endpoint
  /** By the key's name: of those keys alone for which a fixed header is not enough. */
  readonly credentials: ReadonlyMap<string, Credential>
  /** The path of the base URL, which requests begin with; no slash at its end. */
  readonly basePath: string
  /** The headers of its requests by key and form, names and values in turn; filled as they are needed. */
  readonly headerSets: Map<string, readonly string[]>
  /** Attempts under way there. */
  readonly load: Load
}

/** Everything compiled from the configuration and the stored keys. Immutable: a reload swaps one pointer. */
export interface Snapshot {
  readonly config: Config
  readonly providers: ReadonlyMap<string, Provider>
  readonly names: Names
  readonly door: Doorkeeper
  /** What calls cost, and what is counted for providers and models. */
  readonly tariff: Tariff
}

export interface SnapshotParts {
  readonly config: Config
  readonly types: ReadonlyMap<string, ProviderAdapter>
  readonly keys: readonly VirtualKey[]
  /** Of providers and models, besides those of the configuration, which go before them. */
  readonly scopes?: readonly Scope[]
  readonly keySecret: Buffer
  readonly admin: AdminDoor
  openEndpoint(provider: ProviderConfig): Endpoint
  /** Null: the key's value in a fixed header lets its requests in. */
  openCredential(provider: ProviderConfig, key: ProviderKeyConfig): Credential | null
}

export function compileSnapshot(parts: SnapshotParts): Snapshot {
  const { config, types } = parts
  const providers = new Map<string, Provider>()
  for (const provider of config.providers.values()) {
    const adapter = types.get(provider.type)
    if (!adapter) throw new Error(`provider type ${provider.type} passed the check but is unknown`)
    providers.set(provider.name, {
      name: provider.name,
      config: provider,
      adapter,
      endpoint: parts.openEndpoint(provider),
      credentials: openCredentials(provider, parts),
      basePath: provider.baseUrl ? new URL(provider.baseUrl).pathname.replace(/\/+$/, '') : '',
      headerSets: new Map(),
      load: newLoad(),
    })
  }
  const keys = new KeyTable(parts.keys, parts.keySecret)
  const scopes = parts.scopes ?? []
  return {
    config,
    providers,
    names: compileNames(config, providers),
    door: { keys, anonymous: anonymousOf(config), admin: parts.admin },
    tariff: {
      prices: new PriceBook(config.prices, publishedPrice),
      providers: scopesOf('provider', config.providers, scopes),
      models: scopesOf('model', config.models, scopes),
    },
  }
}

/** The same but for who may come in and what is counted: nothing else is compiled, and nobody forgets how targets do. */
export function withAccess(
  snapshot: Snapshot,
  { keys, scopes = [], keySecret }: Pick<SnapshotParts, 'keys' | 'scopes' | 'keySecret'>,
): Snapshot {
  const { config, door, tariff } = snapshot
  return {
    ...snapshot,
    door: { ...door, keys: new KeyTable(keys, keySecret) },
    tariff: {
      ...tariff,
      providers: scopesOf('provider', config.providers, scopes),
      models: scopesOf('model', config.models, scopes),
    },
  }
}

/** Whatever anything is counted for. */
export function* scopesIn({ door, tariff }: Snapshot): Generator<Scope> {
  for (const { principal } of door.keys.all()) yield* principal.scopes
  yield* door.anonymous?.scopes ?? []
  yield* tariff.providers.values()
  yield* tariff.models.values()
}

function scopesOf(
  kind: 'provider' | 'model',
  owners: ReadonlyMap<string, Pick<Scope, 'name' | 'limits' | 'budget'>>,
  stored: readonly Scope[],
): ReadonlyMap<string, Scope> {
  const given = [...owners.values()].filter(({ limits, budget }) => limits || budget)
  const all = [...stored.filter((scope) => scope.kind === kind), ...given]
  return new Map(
    all.map(({ name, limits, budget }) => [name, { kind, id: name, name, limits, budget }]),
  )
}

function openCredentials(
  provider: ProviderConfig,
  { openCredential }: SnapshotParts,
): ReadonlyMap<string, Credential> {
  const opened = new Map<string, Credential>()
  for (const key of provider.keys ?? []) {
    const credential = openCredential(provider, key)
    if (credential) opened.set(key.name, credential)
  }
  return opened
}

function compileNames(config: Config, providers: ReadonlyMap<string, Provider>): Names {
  const named = new Map<string, NamedProvider>()
  for (const {
    name,
    config: { type, keys, deployments },
    adapter,
  } of providers.values())
    named.set(name, {
      name,
      type,
      listed: [
        ...new Set([
          ...(adapter.models ?? []),
          ...(deployments?.keys() ?? []),
          ...(keys ?? []).flatMap(({ models }) => models ?? []),
        ]),
      ],
    })
  const publicNames = new Map<string, Route>()
  for (const name of config.models.keys()) compilePublicName(name, config, publicNames, named)
  return { publicNames, providers: named }
}

/** A target, or a fallback, may be another public name; the configuration was checked for cycles. */
function compilePublicName(
  name: string,
  config: Config,
  done: Map<string, Route>,
  providers: ReadonlyMap<string, NamedProvider>,
): Route {
  const known = done.get(name)
  if (known) return known
  const model = config.models.get(name)
  const routeOf = (target: string): Route =>
    config.models.has(target)
      ? compilePublicName(target, config, done, providers)
      : resolveModel(target, { publicNames: new Map(), providers })
  const targets = (model?.targets ?? []).flatMap(({ model: target, weight }) => {
    const { targets: inner } = routeOf(target)
    const total = inner.reduce((sum, each) => sum + each.weight, 0) || 1
    return inner.map((each) => ({ ...each, weight: (weight * each.weight) / total }))
  })
  const fallbacks = (model?.fallbacks ?? []).flatMap((fallback) => {
    const found = routeOf(fallback)
    return [found, ...found.fallbacks]
  })
  const { strategy = 'priority', hedge = null } = model ?? {}
  const route: Route = { name, strategy, targets, fallbacks, hedge }
  done.set(name, route)
  return route
}

function anonymousOf({ auth }: Config): Principal | null {
  if (auth.inference === 'required') return null
  const { models = null, limits = null, budget = null } = auth.anonymous ?? {}
  const scope = { kind: 'anonymous', id: 'anonymous', name: 'anonymous', limits, budget } as const
  return {
    ...unbound,
    scopes: limits || budget ? [scope] : [],
    kind: 'anonymous',
    name: 'anonymous',
    models,
    forwardHeaders: [],
    mayPin: false,
  }
}

/** The keys of a provider that may be used for a model; null where it takes calls without one. */
export function keysFor(provider: Provider, model: string): readonly ProviderKeyConfig[] | null {
  const { keys } = provider.config
  // Most providers have one key, for everything.
  if (keys === null || (keys.length === 1 && keys[0]?.models === null)) return keys
  return keys.filter(({ models }) => models === null || fitsAny(models, model))
}

/**
 * The model's name on the provider's side: Azure knows deployments. Throws `invalid_request` for a name that an
 * address or a header could not carry as a name: it comes from the caller and may end up in either.
 */
export function upstreamName(provider: Provider, model: string): string {
  const dots = model.split('/').some((part) => part === '.' || part === '..')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (dots || /[\x00-\x1f\x7f]/.test(model) || !model.isWellFormed())
    throw new GatewayError(
      'invalid_request',
      "The model's name holds dot segments, control characters or half characters",
      { param: 'model' },
    )
  return provider.config.deployments?.get(model) ?? model
}
