import type { Static } from 'typebox'
import { sealProvider } from '../../governance/sealed-settings.ts'
import type { StoredProvider } from '../../store/access-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRequest, type AdminRoute, bind } from './admin-route.ts'
import { auditOf, type Change, changeRead, inFile, missing, writtenValue } from './change.ts'
import {
  createProvider,
  deleteProvider,
  getProvider,
  listProviders,
  type ProviderResource,
  testProvider,
  updateProvider,
} from './contract-providers.ts'
import { isFound } from './page.ts'
import { checkDestination, checkKeysWith, checkProvider, mergeSettings } from './provider-checks.ts'
import { findProvider, type KnownProviders, pageOfAll, readKnown } from './provider-lookup.ts'
import { testCalls } from './provider-probe.ts'
import {
  settingsOf,
  showFileProvider,
  showStoredKey,
  showStoredProvider,
} from './provider-resource.ts'

const what = 'provider'
type Request = AdminRequest<unknown, unknown>
type Settings = Readonly<Record<string, unknown>>

/** Providers over HTTP. Whatever was changed is in force here with the answer. */
export function providerRoutes(deps: AdminDeps): readonly AdminRoute[] {
  const { store, runtime, sealer, providers } = deps
  const now = (): number => runtime.clock.now()
  const showRow = (row: StoredProvider, { keys }: KnownProviders, settings?: Settings) =>
    showStoredProvider(row, keys.get(row.name) ?? [], deps, settings)
  const answer = async (row: StoredProvider): Promise<AdminReply<ProviderResource>> => {
    await deps.renewAccess()
    return { body: showRow(row, await readKnown(deps)), version: row.version }
  }
  const readRow = async (id: string): Promise<StoredProvider> => {
    const row = await store.findManaged('provider', id)
    if (!row) throw missing(what)
    return row
  }
  const findOurs = ({ params: { name = '' } }: Request, known: KnownProviders): StoredProvider => {
    const found = findProvider(name, known)
    if (found.kind === 'file') throw inFile(what)
    if (found.kind === 'keys') throw missing(what)
    return found.row
  }

  const create = async (request: AdminRequest<unknown, Static<typeof createProvider.body>>) => {
    const { name, metadata = {} } = request.body
    const settings: Settings = { ...request.body.settings }
    checkProvider(name, settings, providers)
    const [id, at] = [runtime.newId(), now()]
    const sealed = sealProvider(id, settings, sealer)
    const row = { id, name, metadata, settings: sealed, version: 1, createdAt: at, updatedAt: at }
    const known = await readKnown(deps)
    const told: Change = {
      ...{ action: 'create', kind: 'provider', object: id, before: null },
      after: showRow(row, known, settings),
    }
    return answer(
      writtenValue(
        await store.createManaged('provider', row, auditOf(request, told, runtime)),
        what,
      ),
    )
  }

  const update = async (request: AdminRequest<unknown, Static<typeof updateProvider.body>>) => {
    const { metadata } = request.body
    const change: Settings | undefined = request.body.settings && { ...request.body.settings }
    const known = await readKnown(deps)
    const { id } = findOurs(request, known)
    const written = await changeRead(
      request.ifVersion,
      () => readRow(id),
      (row, version) => {
        const before = settingsOf(row, sealer)
        const settings = change ? mergeSettings(before, change) : before
        if (change) {
          checkProvider(row.name, settings, providers)
          const keys = known.keys.get(row.name) ?? []
          checkKeysWith(row.name, settings, keys, providers, sealer)
          checkDestination(before, settings, change, keys)
        }
        const patch = {
          ...(change && { settings: sealProvider(id, settings, sealer) }),
          ...(metadata && { metadata }),
        }
        const after = { ...row, ...patch, version: row.version + 1, updatedAt: now() }
        const told: Change = {
          ...{ action: 'update', kind: 'provider', object: id },
          before: showRow(row, known, before),
          after: showRow(after, known, settings),
        }
        const audit = auditOf(request, told, runtime)
        return store.updateManaged('provider', id, version, patch, now(), audit)
      },
    )
    return answer(writtenValue(written, what))
  }

  const remove = async (request: Request) => {
    const known = await readKnown(deps)
    const { id } = findOurs(request, known)
    const written = await changeRead(
      request.ifVersion,
      () => readRow(id),
      (row, version) => {
        const told: Change = {
          ...{ action: 'delete', kind: 'provider', object: id, after: null },
          before: showRow(row, known),
        }
        return store.deleteManaged('provider', id, version, auditOf(request, told, runtime))
      },
    )
    return answer(writtenValue(written, what))
  }

  return [
    bind(listProviders, async ({ query: { search, managed_by: side, ...paging } }) => {
      const shown = showAll(await readKnown(deps), deps)
      const wanted = shown.filter(
        (each) => isFound(each.name, search) && (side === undefined || each.managed_by === side),
      )
      return { body: pageOfAll(wanted, paging) }
    }),
    bind(createProvider, create),
    bind(getProvider, async ({ params: { name = '' } }) => {
      const known = await readKnown(deps)
      const found = findProvider(name, known)
      if (found.kind === 'keys') throw missing(what)
      if (found.kind === 'api')
        return { body: showRow(found.row, known), version: found.row.version }
      return { body: showFileProvider(found.provider, known.keys.get(name) ?? [], deps) }
    }),
    bind(updateProvider, update),
    bind(deleteProvider, remove),
    bind(testProvider, async ({ params: { name = '' }, body }) => ({
      body: await testCalls(name, body, deps),
    })),
  ]
}

function showAll(known: KnownProviders, deps: AdminDeps): readonly ProviderResource[] {
  const names = new Set([...known.file.keys(), ...known.stored.map(({ name }) => name)])
  const left = [...known.keys].filter(([name]) => !names.has(name))
  return [
    ...[...known.file.values()].map((each) =>
      showFileProvider(each, known.keys.get(each.name) ?? [], deps),
    ),
    ...known.stored.map((row) => showStoredProvider(row, known.keys.get(row.name) ?? [], deps)),
    ...left.map(([name, keys]) => ({
      object: 'provider' as const,
      id: `keys:${name}`,
      name,
      origin: 'api' as const,
      shadowed: false,
      type: null,
      base_url: null,
      settings: {},
      keys: keys.map((key) => showStoredKey(key, deps)),
      problem: 'There is no provider of that name any more. Its keys are kept.',
      warnings: [],
      metadata: {},
      ...{ managed_by: 'api' as const, version: 0, created_at: null, updated_at: null },
    })),
  ]
}
