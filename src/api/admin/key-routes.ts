import type { Static } from 'typebox'
import { parseDuration } from '../../config/units.ts'
import type { Snapshot } from '../../gateway/snapshot.ts'
import { hashKey } from '../../governance/key-table.ts'
import { hintOf, newKeyValue } from '../../governance/key-value.ts'
import type { KeyPatch, StoredKey, Written } from '../../store/access-store.ts'
import { newStoredKey } from '../../store/new-stored-key.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRequest, type AdminRoute, bind } from './admin-route.ts'
import { readAllowance } from './allowance-words.ts'
import { auditOf, type Change, changeRead, inFile, missing, writtenValue } from './change.ts'
import { invalid } from './check-fields.ts'
import {
  createVirtualKey,
  deleteVirtualKey,
  disableVirtualKey,
  enableVirtualKey,
  getVirtualKey,
  listVirtualKeys,
  rotateVirtualKey,
  updateVirtualKey,
  type VirtualKeyResource,
} from './contract-keys.ts'
import { showKey } from './key-resource.ts'
import { isFound, type ListPage, pageOfFetched, usualLimit } from './page.ts'
import { findTenant, tenantId, tenantNames } from './tenants.ts'

const what = 'virtual key'
const longestOverlapMs = 366 * 86_400_000

type Request = AdminRequest<unknown, unknown>
/** What keys need of it all, so that they can be made without a gateway too. */
export interface KeyDeps
  extends Pick<AdminDeps, 'store' | 'runtime' | 'keySecret' | 'renewAccess'> {
  readonly gateway: { readonly snapshot: Pick<Snapshot, 'config'> }
}

/** How a key is changed: what it becomes, and the command that makes it so. */
interface KeyChange {
  readonly action: string
  readonly next: (key: StoredKey) => StoredKey
  readonly write: (
    key: StoredKey,
    version: number,
    audit: ReturnType<typeof auditOf>,
  ) => Promise<Written<StoredKey>>
}

/** Virtual keys over HTTP. Whatever was changed is in force here with the answer. */
export function keyRoutes(deps: KeyDeps): readonly AdminRoute[] {
  const { store, runtime, gateway, keySecret } = deps
  const configNow = () => gateway.snapshot.config
  const now = (): number => runtime.clock.now()
  const show = async (key: StoredKey): Promise<VirtualKeyResource> =>
    showKey(key, configNow(), await tenantNames(store, [key]))
  const answer = async (key: StoredKey): Promise<AdminReply<VirtualKeyResource>> => {
    await deps.renewAccess()
    return { body: await show(key), version: key.version }
  }
  const find = async ({ params: { id = '' } }: Request): Promise<StoredKey> => {
    const key = await store.findKey(id)
    if (!key) throw missing(what)
    return key
  }
  const findOurs = async (request: Request): Promise<StoredKey> => {
    const key = await find(request)
    if (key.origin === 'file') throw inFile(what)
    if (key.deletedAt !== null) throw missing(what)
    return key
  }

  const change = async (
    request: Request,
    { action, next, write }: KeyChange,
  ): Promise<StoredKey> => {
    const written = await changeRead(
      request.ifVersion,
      () => findOurs(request),
      async (key, version) => {
        const after = { ...next(key), version: key.version + 1, updatedAt: now() }
        const told: Change = {
          ...{ action, kind: 'virtual_key', object: key.id },
          before: await show(key),
          after: await show(after),
        }
        return write(key, version, auditOf(request, told, runtime))
      },
    )
    return writtenValue(written, what)
  }
  const patchWith = (action: string, patch: KeyPatch): KeyChange => ({
    action,
    next: (key) => {
      const enabled = patch.enabled ?? key.enabled
      return { ...key, ...patch, enabled, disabledAt: enabled ? null : (key.disabledAt ?? now()) }
    },
    write: (key, version, audit) => store.updateKey(key.id, version, patch, now(), audit),
  })

  const create = async (request: AdminRequest<unknown, Static<typeof createVirtualKey.body>>) => {
    const value = newKeyValue(runtime.randomId())
    const patch = await readPatch(request.body, deps)
    const key = newStoredKey({
      ...patch,
      id: runtime.newId(),
      name: request.body.name,
      hash: hashKey(value, keySecret),
      hint: hintOf(value),
      origin: 'api',
      createdAt: now(),
      disabledAt: patch.enabled === false ? now() : null,
    })
    const told: Change = {
      ...{ action: 'create', kind: 'virtual_key', object: key.id, before: null },
      after: await show(key),
    }
    const written = writtenValue(await store.createKey(key, auditOf(request, told, runtime)), what)
    const { body, version } = await answer(written)
    return { body: { ...body, value }, version: version ?? 1 }
  }

  const rotate = async (request: AdminRequest<unknown, Static<typeof rotateVirtualKey.body>>) => {
    const overlapMs = parseDuration(request.body.overlap)
    if (overlapMs > longestOverlapMs) throw invalid('overlap', '"overlap" must be at most 366d')
    const value = newKeyValue(runtime.randomId())
    const overlapUntil = overlapMs === 0 ? null : now() + overlapMs
    const rotation = { hash: hashKey(value, keySecret), hint: hintOf(value), overlapUntil }
    const key = await change(request, {
      action: 'rotate',
      next: (found) => ({
        ...found,
        hint: rotation.hint,
        previous: overlapUntil === null ? null : { hash: '', until: overlapUntil },
      }),
      write: (found, version, audit) => store.rotateKey(found.id, version, rotation, now(), audit),
    })
    const { body, version } = await answer(key)
    return { body: { ...body, value }, version: version ?? key.version }
  }

  const switched = async (request: Request, enabled: boolean) =>
    answer(await change(request, patchWith(enabled ? 'enable' : 'disable', { enabled })))

  return [
    bind(listVirtualKeys, async ({ query }) => ({ body: await listKeys(query, deps) })),
    bind(createVirtualKey, create),
    bind(getVirtualKey, async (request) => {
      const key = await find(request)
      return { body: await show(key), version: key.version }
    }),
    bind(updateVirtualKey, async (request) => {
      const patch = await readPatch(request.body, deps)
      return answer(await change(request, patchWith('update', patch)))
    }),
    bind(deleteVirtualKey, async (request) =>
      answer(
        await change(request, {
          action: 'delete',
          next: (key) => ({ ...key, enabled: false, previous: null, deletedAt: now() }),
          write: (key, version, audit) => store.deleteKey(key.id, version, now(), audit),
        }),
      ),
    ),
    bind(rotateVirtualKey, rotate),
    bind(enableVirtualKey, (request) => switched(request, true)),
    bind(disableVirtualKey, (request) => switched(request, false)),
  ]
}

type KeyQuery = Static<typeof listVirtualKeys.query>
const atOnce = 200

/** A page of those that fit, the newest first. What stands in the file is looked at here, everything else in the store. */
async function listKeys(
  { search, team, customer, enabled, managed_by: side, limit = usualLimit, after }: KeyQuery,
  { store, gateway }: Pick<KeyDeps, 'store' | 'gateway'>,
): Promise<ListPage<VirtualKeyResource>> {
  if (after !== undefined && !(await store.findKey(after)))
    throw invalid('after', '"after" must be an id of this list: the last of the page before')
  // What no id is: there is nobody in a team that is not there.
  const idOf = async (kind: 'team' | 'customer', name: string | undefined) =>
    name === undefined ? null : ((await findTenant(store, kind, name)) ?? '')
  const filter = {
    search: search ?? null,
    side: side ?? null,
    teamId: await idOf('team', team),
    customerId: await idOf('customer', customer),
    enabled: enabled ?? null,
  }
  const isWanted = (key: VirtualKeyResource): boolean =>
    key.deleted_at === null &&
    isFound(key.name, search) &&
    (team === undefined || key.team === team) &&
    (customer === undefined || key.customer === customer) &&
    (enabled === undefined || key.enabled === enabled)
  const wanted: VirtualKeyResource[] = []
  for (let last = after ?? null; wanted.length <= limit; ) {
    const page = await store.pageKeys(filter, { after: last, limit: Math.max(limit + 1, atOnce) })
    const names = await tenantNames(store, page)
    const shown = page.map((key) => showKey(key, gateway.snapshot.config, names))
    wanted.push(...shown.filter(isWanted))
    if (page.length < Math.max(limit + 1, atOnce)) break
    last = page.at(-1)?.id ?? null
  }
  return pageOfFetched(wanted, limit)
}

type KeyFields = Static<typeof updateVirtualKey.body>

/** What is given of a key, in the store's terms. Throws `invalid_request` for a team or customer that is not there. */
async function readPatch(
  given: KeyFields,
  { store, gateway }: Pick<KeyDeps, 'store' | 'gateway'>,
): Promise<KeyPatch> {
  const { config } = gateway.snapshot
  const teamId = await tenantId('team', given.team, store, config)
  const customerId = await tenantId('customer', given.customer, store, config)
  const { expires_at: expiresAt, forward_headers: headers } = given
  return {
    ...readAllowance(given),
    ...(given.name !== undefined && { name: given.name }),
    ...(given.models !== undefined && { models: given.models }),
    ...(given.providers !== undefined && { providers: given.providers }),
    ...(given.provider_keys !== undefined && { providerKeys: given.provider_keys }),
    ...(teamId !== undefined && { teamId }),
    ...(customerId !== undefined && { customerId }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt && Date.parse(expiresAt) }),
    ...(given.enabled !== undefined && { enabled: given.enabled }),
    ...(given.allow_pinning !== undefined && { mayPin: given.allow_pinning }),
    ...(given.log_content !== undefined && { logContent: given.log_content }),
    ...(headers !== undefined && { forwardHeaders: headers.map((each) => each.toLowerCase()) }),
    ...(given.metadata !== undefined && { metadata: given.metadata }),
  } as KeyPatch
}
