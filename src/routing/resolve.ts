import { nearestName } from '../config/nearest.ts'
import { GatewayError } from '../core/errors.ts'
import { fitsAny, fitsPattern } from '../core/pattern.ts'
import type { Route } from '../core/route.ts'

/** What names can mean under one configuration. */
export interface Names {
  readonly publicNames: ReadonlyMap<string, Route>
  readonly providers: ReadonlyMap<string, NamedProvider>
}

export interface NamedProvider {
  readonly name: string
  readonly type: string
  /** Models known to be there, from keys, deployments and the adapter; patterns with `*` among them. */
  readonly listed: readonly string[]
}

/** A model name from a body. Throws `model_not_found` with the nearest name. */
export function resolveModel(asked: string, names: Names): Route {
  const known = names.publicNames.get(asked)
  if (known) return known
  const slash = asked.indexOf('/')
  if (slash > 0) {
    const provider = names.providers.get(asked.slice(0, slash))
    if (provider) return direct(provider, asked.slice(slash + 1), asked, names)
  }
  const lister = firstThatLists(asked, names, slash >= 0)
  if (lister) return direct(lister, asked, asked, names)
  // A first part that is no provider is most likely a misspelt or a missing one: never a guess at another.
  if (slash >= 0) throw notFound(asked, names)
  const fallback = names.providers.get('openai') ?? onlyOne([...names.providers.values()])
  if (!fallback) throw notFound(asked, names)
  return direct(fallback, asked, asked, names)
}

/** A deployment from the path of the Azure form: `gpt-4o` is one of Azure's, `openai/gpt-4o` names its provider. */
export function resolveDeployment(deployment: string, names: Names): Route {
  if (deployment.includes('/')) return resolveModel(deployment, names)
  const azure =
    names.providers.get('azure') ??
    onlyOne([...names.providers.values()].filter(({ type }) => type === 'azure'))
  return azure ? direct(azure, deployment, deployment, names) : resolveModel(deployment, names)
}

function direct(provider: NamedProvider, model: string, asked: string, names: Names): Route {
  if (model === '') throw notFound(asked, names)
  return {
    name: `${provider.name}/${model}`,
    strategy: 'priority',
    targets: [{ provider: provider.name, model, weight: 1 }],
    fallbacks: [],
    hedge: null,
  }
}

function firstThatLists(model: string, names: Names, literally: boolean): NamedProvider | null {
  const lists = ({ listed }: NamedProvider): boolean =>
    literally ? listed.includes(model) : fitsAny(listed, model)
  const openai = names.providers.get('openai')
  if (openai && lists(openai)) return openai
  return [...names.providers.values()].find(lists) ?? null
}

const onlyOne = <Item>(items: readonly Item[]): Item | undefined =>
  items.length === 1 ? items[0] : undefined

function notFound(asked: string, names: Names): GatewayError {
  // Comparing costs length times length, and this name came from outside.
  const nearest = nearestName(asked.slice(0, 100), [
    ...names.publicNames.keys(),
    ...[...names.providers.values()].flatMap(({ name, listed }) =>
      listed.filter((model) => !model.includes('*')).map((model) => `${name}/${model}`),
    ),
  ])
  const prefix = asked.split('/', 1)[0] ?? ''
  const providers = [...names.providers.keys()].slice(0, 10).join(', ')
  const hint = nearest
    ? ` Did you mean "${nearest}"?`
    : asked.includes('/')
      ? ` No provider "${shown(prefix)}" is configured; there are: ${providers}.`
      : ` Write it as provider/model; the providers are: ${providers}.`
  return new GatewayError('model_not_found', `Model "${shown(asked)}" is not known.${hint}`, {
    param: 'model',
  })
}

/** Names come from outside: they are shown short and printable. */
const shown = (name: string): string => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)

/** Whether an allow-list covers a call. */
export function isAllowed(models: readonly string[] | null, asked: string, route: Route): boolean {
  return (
    models === null ||
    models.some((pattern) => fitsPattern(pattern, asked) || fitsPattern(pattern, route.name))
  )
}
