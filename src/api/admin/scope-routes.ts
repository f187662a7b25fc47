import type { Config } from '../../config/config.ts'
import type { StoredScope } from '../../store/access-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRequest, type AdminRoute, bind } from './admin-route.ts'
import { readAllowance, showBudget, showLimits } from './allowance-words.ts'
import { auditOf, inFile, missing, writtenValue } from './change.ts'
import { invalid } from './check-fields.ts'
import {
  deleteLimit,
  getLimit,
  listLimits,
  putLimit,
  type ScopeResource,
} from './contract-tenants.ts'
import { timeText } from './page.ts'

type Request = AdminRequest<unknown, unknown>
type Named = Pick<StoredScope, 'kind' | 'name'>
const what = 'limit'

/** Limits and budgets of providers and models over HTTP. Those of the file go before the store's of the same name. */
export function scopeRoutes({
  store,
  runtime,
  gateway,
  renewAccess,
}: AdminDeps): readonly AdminRoute[] {
  const fileScopes = () => scopesOfFile(gateway.snapshot.config)
  const isInFile = ({ kind, name }: Named): boolean =>
    fileScopes().some((each) => each.kind === kind && each.name === name)
  const show = (scope: StoredScope): ScopeResource => ({
    ...shown(scope),
    shadowed: isInFile(scope),
    managed_by: 'api',
    version: scope.version,
    updated_at: timeText(scope.updatedAt),
  })
  const findStored = async ({ kind, name }: Named): Promise<StoredScope | undefined> =>
    (await store.listScopes()).find((each) => each.kind === kind && each.name === name)
  const audited = (
    request: Request,
    { kind, name }: Named,
    action: string,
    before: StoredScope | null,
    after: StoredScope | null,
  ) =>
    auditOf(
      request,
      {
        ...{ action, kind: 'limit', object: `${kind}:${name}` },
        before: before && show(before),
        after: after && show(after),
      },
      runtime,
    )
  const answer = async (scope: StoredScope): Promise<AdminReply<ScopeResource>> => {
    await renewAccess()
    return { body: show(scope), version: scope.version }
  }
  return [
    bind(listLimits, async () => {
      const stored = (await store.listScopes()).map(show)
      return { body: { object: 'list', data: [...fileScopes().map(showOfFile), ...stored] } }
    }),
    bind(getLimit, async (request) => {
      const named = readName(request)
      const ofFile = fileScopes().find(
        ({ kind, name }) => kind === named.kind && name === named.name,
      )
      if (ofFile) return { body: showOfFile(ofFile) }
      const found = await findStored(named)
      if (!found) throw missing(what)
      return { body: show(found), version: found.version }
    }),
    bind(putLimit, async (request) => {
      const named = readName(request)
      if (isInFile(named)) throw inFile(what)
      const { limits = null, budget = null } = readAllowance(request.body)
      if (limits === null && budget === null)
        throw invalid('limits', 'Neither limits nor a budget: delete it instead')
      const now = runtime.clock.now()
      const before = (await findStored(named)) ?? null
      const scope = { ...named, limits, budget }
      const after = { ...scope, version: (before?.version ?? 0) + 1, updatedAt: now }
      const audit = audited(request, named, before ? 'update' : 'create', before, after)
      return answer(writtenValue(await store.putScope(scope, request.ifVersion, now, audit), what))
    }),
    bind(deleteLimit, async (request) => {
      const named = readName(request)
      if (isInFile(named)) throw inFile(what)
      const before = (await findStored(named)) ?? null
      const audit = audited(request, named, 'delete', before, null)
      const { kind, name } = named
      return answer(
        writtenValue(await store.deleteScope(kind, name, request.ifVersion, audit), what),
      )
    }),
  ]
}

function readName({ params: { kind, name = '' } }: Request): Named {
  if (kind !== 'provider' && kind !== 'model') throw missing(what)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (name === '' || name.length > 256 || !name.isWellFormed() || /[\s\x00-\x1f\x7f]/.test(name))
    throw invalid('name', 'The name in the path must be one of 1 to 256 characters, without spaces')
  return { kind, name }
}

type FileScope = Pick<StoredScope, 'kind' | 'name' | 'limits' | 'budget'>

function scopesOfFile({ providers, models }: Config): readonly FileScope[] {
  const of = (kind: FileScope['kind'], all: Iterable<Omit<FileScope, 'kind'>>) =>
    [...all].flatMap(({ name, limits, budget }) =>
      limits || budget ? [{ kind, name, limits, budget }] : [],
    )
  return [...of('provider', providers.values()), ...of('model', models.values())]
}

const shown = ({ kind, name, limits, budget }: FileScope) => ({
  object: 'limit' as const,
  kind,
  name,
  limits: showLimits(limits),
  budget: showBudget(budget),
})

const showOfFile = (scope: FileScope): ScopeResource => ({
  ...shown(scope),
  shadowed: false,
  managed_by: 'file',
  version: 0,
  updated_at: null,
})
