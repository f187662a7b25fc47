import type { Static } from 'typebox'
import { openKey, sealKey } from '../../governance/sealed-settings.ts'
import type { ManagedPatch, StoredProviderKey, Written } from '../../store/access-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRequest, type AdminRoute, bind } from './admin-route.ts'
import { auditOf, type Change, changeRead, inFile, missing, writtenValue } from './change.ts'
import {
  createProviderKey,
  deleteProviderKey,
  disableProviderKey,
  enableProviderKey,
  getProviderKey,
  listProviderKeys,
  type ProviderKeyResource,
  rotateProviderKey,
  updateProviderKey,
} from './contract-providers.ts'
import { checkKey, type KeyOwner } from './provider-checks.ts'
import {
  type FoundProvider,
  findProvider,
  nameOf,
  pageOfAll,
  readKnown,
} from './provider-lookup.ts'
import { settingsOf, showFileProvider, showStoredKey } from './provider-resource.ts'

const what = 'provider key'
type Request = AdminRequest<unknown, unknown>
type Words = Readonly<Record<string, unknown>>
type Patch = ManagedPatch<'provider_key'>

/** What becomes of a key: the patch, checked. */
interface KeyChange {
  readonly action: string
  readonly patch: (row: StoredProviderKey, all: Found) => Patch
}

interface Found {
  readonly owner: FoundProvider
  /** All that were made by the API under its provider's name. */
  readonly keys: readonly StoredProviderKey[]
}

/** Keys of providers over HTTP. No answer ever has a credential in it. */
export function providerKeyRoutes(deps: AdminDeps): readonly AdminRoute[] {
  const { store, runtime, sealer, providers } = deps
  const now = (): number => runtime.clock.now()
  const show = (row: StoredProviderKey) => showStoredKey(row, deps)
  const answer = async (row: StoredProviderKey): Promise<AdminReply<ProviderKeyResource>> => {
    await deps.renewAccess()
    return { body: show(row), version: row.version }
  }
  const find = async ({ params: { name = '' } }: Request): Promise<Found> => {
    const known = await readKnown(deps)
    const owner = findProvider(name, known)
    return { owner, keys: known.keys.get(nameOf(owner)) ?? [] }
  }
  const shownOf = ({ owner, keys }: Found): readonly ProviderKeyResource[] =>
    owner.kind === 'file' ? showFileProvider(owner.provider, keys, deps).keys : keys.map(show)
  const findOurs = ({ params: { key = '' } }: Request, found: Found): StoredProviderKey => {
    const { owner, keys } = found
    const byId = keys.find(({ id }) => id === key)
    if (byId) return byId
    const isOfFile = owner.kind === 'file' && owner.provider.keys?.some(({ name }) => name === key)
    if (isOfFile) throw inFile(what)
    const row = keys.find(({ name }) => name === key)
    if (!row) throw missing(what)
    return row
  }

  const check = ({ owner, keys }: Found, id: string, words: Words, enabled: boolean): void => {
    // Keys of a provider that is gone are only ever switched off and deleted.
    if (owner.kind === 'keys') throw missing('provider')
    const others = keys.filter((each) => each.id !== id)
    checkKey(ownerOf(owner), { words, enabled, others }, providers, sealer)
  }
  const ownerOf = (owner: Exclude<FoundProvider, { kind: 'keys' }>): KeyOwner =>
    owner.kind === 'file'
      ? { kind: 'file', provider: { ...owner.provider } }
      : { kind: 'api', name: owner.row.name, settings: settingsOf(owner.row, sealer) }

  const write = async (
    request: Request,
    action: string,
    to: (row: StoredProviderKey, found: Found) => StoredProviderKey | null,
    run: (
      row: StoredProviderKey,
      next: StoredProviderKey | null,
      version: number,
      audit: ReturnType<typeof auditOf>,
    ) => Promise<Written<StoredProviderKey>>,
  ) => {
    const found = await find(request)
    const { id } = findOurs(request, found)
    const written = await changeRead(
      request.ifVersion,
      async () => {
        const row = await store.findManaged('provider_key', id)
        if (!row) throw missing(what)
        return row
      },
      (row, version) => {
        const next = to(row, found)
        const told: Change = {
          ...{ action, kind: 'provider_key', object: id },
          before: show(row),
          after: next && show(next),
        }
        return run(row, next, version, auditOf(request, told, runtime))
      },
    )
    return answer(writtenValue(written, what))
  }
  const change = (request: Request, { action, patch }: KeyChange) => {
    let given: Patch = {}
    return write(
      request,
      action,
      (row, found) => {
        given = patch(row, found)
        return { ...row, ...given, version: row.version + 1, updatedAt: now() } as StoredProviderKey
      },
      (row, _next, version, audit) =>
        store.updateManaged('provider_key', row.id, version, given, now(), audit),
    )
  }

  const create = async (request: AdminRequest<unknown, Static<typeof createProviderKey.body>>) => {
    const { name, enabled = true, metadata = {}, ...given } = request.body
    const found = await find(request)
    const [id, at] = [runtime.newId(), now()]
    const words = withoutNulls(given)
    check(found, id, { name, ...words }, enabled)
    const provider = nameOf(found.owner)
    const row = {
      ...{ id, name, provider, metadata, enabled, ...sealKey(id, words, sealer) },
      ...{ version: 1, createdAt: at, updatedAt: at },
    }
    const told: Change = {
      ...{ action: 'create', kind: 'provider_key', object: id, before: null },
      after: show(row),
    }
    const audit = auditOf(request, told, runtime)
    return answer(writtenValue(await store.createManaged('provider_key', row, audit), what))
  }

  const update = (request: AdminRequest<unknown, Static<typeof updateProviderKey.body>>) => {
    const { name, enabled, metadata, ...given } = request.body
    return change(request, {
      action: 'update',
      patch(row, found) {
        const settings = withoutNulls({ ...row.settings, ...given })
        const isOn = enabled ?? row.enabled
        if (Object.keys(given).length > 0 || (isOn && !row.enabled)) {
          const { settings: _, ...rest } = row
          const words = openKey({ ...rest, settings: {} }, sealer)
          check(found, row.id, { ...words, ...settings, name: name ?? row.name }, isOn)
        }
        return {
          settings,
          ...(name !== undefined && { name }),
          ...(enabled !== undefined && { enabled }),
          ...(metadata && { metadata }),
        }
      },
    })
  }

  const rotate = (request: AdminRequest<unknown, Static<typeof rotateProviderKey.body>>) =>
    change(request, {
      action: 'rotate',
      patch(row, found) {
        const words = { ...row.settings, ...request.body }
        check(found, row.id, { ...words, name: row.name }, row.enabled)
        const { sealed, hint } = sealKey(row.id, request.body, sealer)
        return { sealed, hint }
      },
    })

  const switched = (request: Request, enabled: boolean) =>
    change(request, {
      action: enabled ? 'enable' : 'disable',
      patch(row, found) {
        if (enabled && !row.enabled) check(found, row.id, openKey(row, sealer), true)
        return { enabled }
      },
    })

  return [
    bind(listProviderKeys, async (request) => {
      const found = await find(request)
      return { body: pageOfAll(shownOf(found), request.query) }
    }),
    bind(createProviderKey, create),
    bind(getProviderKey, async (request) => {
      const { key = '' } = request.params
      const shown = shownOf(await find(request))
      const found = shown.find(({ id }) => id === key) ?? shown.find(({ name }) => name === key)
      if (!found) throw missing(what)
      return { body: found, version: found.version }
    }),
    bind(updateProviderKey, update),
    bind(rotateProviderKey, rotate),
    bind(enableProviderKey, (request) => switched(request, true)),
    bind(disableProviderKey, (request) => switched(request, false)),
    bind(deleteProviderKey, (request) =>
      write(
        request,
        'delete',
        () => null,
        (row, _next, version, audit) => store.deleteManaged('provider_key', row.id, version, audit),
      ),
    ),
  ]
}

/** Null takes away. */
function withoutNulls(words: Words): Words {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value !== null))
}
