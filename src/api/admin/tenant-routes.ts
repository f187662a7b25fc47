import type { Static } from 'typebox'
import type { CustomerConfig, TeamConfig } from '../../config/config.ts'
import type { StoredCustomer, StoredTeam } from '../../store/access-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRequest, type AdminRoute, bind } from './admin-route.ts'
import { readAllowance, showBudget, showLimits } from './allowance-words.ts'
import { auditOf, changeRead, inFile, missing, writtenValue } from './change.ts'
import { invalid } from './check-fields.ts'
import {
  type CustomerResource,
  createCustomer,
  createTeam,
  deleteCustomer,
  deleteTeam,
  getCustomer,
  getTeam,
  listCustomers,
  listTeams,
  type TeamResource,
  updateCustomer,
  updateTeam,
} from './contract-tenants.ts'
import { isFound, type ListPage, pageOfFetched, timeText, usualLimit } from './page.ts'
import { eachManaged, type TenantNames, tenantId, tenantNames } from './tenants.ts'

/** What teams and customers differ in. */
interface Tenancy<Kind extends 'team' | 'customer', Stored, Resource> {
  readonly kind: Kind
  readonly show: (value: Stored, names: TenantNames) => Resource
  readonly ofFile: () => readonly Resource[]
}

type Request = AdminRequest<unknown, unknown>
type ListQuery = Static<typeof listTeams.query>
type TeamFields = Static<typeof updateTeam.body>
type CustomerFields = Static<typeof updateCustomer.body>

/** Teams and customers over HTTP: made, changed and deleted in one and the same way. */
export function tenantRoutes(deps: AdminDeps): readonly AdminRoute[] {
  const configNow = () => deps.gateway.snapshot.config
  const teams = lifeOf<'team', StoredTeam, TeamResource>(deps, {
    kind: 'team',
    show: showTeam,
    ofFile: () => configNow().teams.map(showFileTeam),
  })
  const customers = lifeOf<'customer', StoredCustomer, CustomerResource>(deps, {
    kind: 'customer',
    show: showCustomer,
    ofFile: () => configNow().customers.map(showFileCustomer),
  })
  const readTeam = async (given: TeamFields): Promise<Partial<StoredTeam>> => {
    const customerId = await tenantId('customer', given.customer, deps.store, configNow())
    return { ...readCustomer(given), ...(customerId !== undefined && { customerId }) }
  }
  return [
    bind(listTeams, async ({ query }) => ({ body: await teams.list(query) })),
    bind(createTeam, async (request) =>
      teams.create(request, { ...noTeam, ...(await readTeam(request.body)) }),
    ),
    bind(getTeam, teams.get),
    bind(updateTeam, async (request) => teams.update(request, await readTeam(request.body))),
    bind(deleteTeam, teams.remove),
    bind(listCustomers, async ({ query }) => ({ body: await customers.list(query) })),
    bind(createCustomer, (request) =>
      customers.create(request, { ...noCustomer, ...readCustomer(request.body) }),
    ),
    bind(getCustomer, customers.get),
    bind(updateCustomer, (request) => customers.update(request, readCustomer(request.body))),
    bind(deleteCustomer, customers.remove),
  ]
}

const noCustomer = { name: '', limits: null, budget: null, metadata: {} }
const noTeam = { ...noCustomer, customerId: null }

const readCustomer = (given: CustomerFields): Partial<StoredCustomer> => ({
  ...readAllowance(given),
  ...(given.name !== undefined && { name: given.name }),
  ...(given.metadata !== undefined && { metadata: given.metadata }),
})

function lifeOf<
  Kind extends 'team' | 'customer',
  Stored extends StoredCustomer & { readonly customerId?: string | null },
  Resource extends { readonly id: string; readonly name: string },
>({ store, runtime, renewAccess }: AdminDeps, tenancy: Tenancy<Kind, Stored, Resource>) {
  const { kind, show, ofFile } = tenancy
  // A kind and its type go together, which the compiler cannot see through a parameter.
  const commands = store as unknown as TenantStore<Kind, Stored>
  const now = (): number => runtime.clock.now()
  const findOurs = async ({ params: { id = '' } }: Request): Promise<Stored> => {
    if (ofFile().some((each) => each.id === id)) throw inFile(kind)
    const found = await commands.findManaged(kind, id)
    if (!found) throw missing(kind)
    return found
  }
  const shown = async (value: Stored): Promise<Resource> =>
    show(value, await tenantNames(store, [value]))
  const answer = async (value: Stored) => {
    await renewAccess()
    return { body: await shown(value), version: value.version }
  }
  const audited = async (
    request: Request,
    action: string,
    before: Stored | null,
    after: Stored | null,
  ) =>
    auditOf(
      request,
      {
        ...{ action, kind, object: (before ?? after)?.id ?? '' },
        before: before && { ...(await shown(before)) },
        after: after && { ...(await shown(after)) },
      },
      runtime,
    )
  return {
    /** The file's first, then what was made over HTTP. */
    async list({ search, limit = usualLimit, after }: ListQuery): Promise<ListPage<Resource>> {
      const fromFile = ofFile()
      const last = fromFile.findIndex(({ id }) => id === after)
      const isOurs = after !== undefined && last < 0
      if (isOurs && !(await commands.findManaged(kind, after)))
        throw invalid('after', '"after" must be an id of this list: the last of the page before')
      const first = isOurs ? fromFile.length : last + 1
      const found = fromFile.slice(first).filter(({ name }) => isFound(name, search))
      const stored: Stored[] = []
      const each = eachManaged(store, kind, search ?? null, isOurs ? after : null)
      for await (const value of each as AsyncGenerator<unknown> as AsyncGenerator<Stored>) {
        if (found.length + stored.length > limit) break
        if (isFound(value.name, search)) stored.push(value)
      }
      const names = await tenantNames(store, stored)
      return pageOfFetched([...found, ...stored.map((value) => show(value, names))], limit)
    },
    async get(request: Request) {
      const fromFile = ofFile().find(({ id }) => id === request.params['id'])
      if (fromFile) return { body: fromFile }
      const found = await findOurs(request)
      return { body: await shown(found), version: found.version }
    },
    async create(request: Request, given: Partial<Stored>) {
      const at = now()
      const made = { id: runtime.newId(), version: 1, createdAt: at, updatedAt: at }
      const value = { ...given, ...made } as Stored
      const audit = await audited(request, 'create', null, value)
      return answer(writtenValue(await commands.createManaged(kind, value, audit), kind))
    },
    async update(request: Request, patch: Partial<Stored>) {
      const written = await changeRead(
        request.ifVersion,
        () => findOurs(request),
        async (found, version) => {
          const after = { ...found, ...patch, version: found.version + 1, updatedAt: now() }
          const audit = await audited(request, 'update', found, after)
          return commands.updateManaged(kind, found.id, version, patch, now(), audit)
        },
      )
      return answer(writtenValue(written, kind))
    },
    async remove(request: Request) {
      const written = await changeRead(
        request.ifVersion,
        () => findOurs(request),
        async (found, version) => {
          const audit = await audited(request, 'delete', found, null)
          return commands.deleteManaged(kind, found.id, version, audit)
        },
      )
      return answer(writtenValue(written, kind))
    },
  }
}

/** The store's commands for one kind. */
interface TenantStore<Kind, Stored> {
  findManaged(kind: Kind, id: string): Promise<Stored | null>
  createManaged(kind: Kind, value: Stored, audit: Audit): Promise<Result<Stored>>
  updateManaged(
    kind: Kind,
    id: string,
    version: number,
    patch: Partial<Stored>,
    now: number,
    audit: Audit,
  ): Promise<Result<Stored>>
  deleteManaged(kind: Kind, id: string, version: number, audit: Audit): Promise<Result<Stored>>
}
type Audit = ReturnType<typeof auditOf>
type Result<T> = Parameters<typeof writtenValue<T>>[0]

const showCustomer = (value: StoredCustomer): CustomerResource => ({
  object: 'customer',
  id: value.id,
  name: value.name,
  ...showAllowed(value),
  metadata: { ...value.metadata },
  managed_by: 'api',
  version: value.version,
  created_at: timeText(value.createdAt),
  updated_at: timeText(value.updatedAt),
})

const showTeam = (value: StoredTeam, names: TenantNames): TeamResource => ({
  ...showCustomer(value),
  object: 'team',
  customer: names.get(value.customerId ?? '') ?? null,
  customer_id: value.customerId,
})

const showFileCustomer = (value: CustomerConfig): CustomerResource => ({
  object: 'customer',
  id: `file:customer:${value.name}`,
  name: value.name,
  ...showAllowed(value),
  metadata: { ...value.metadata },
  managed_by: 'file',
  version: 0,
  created_at: null,
  updated_at: null,
})

const showFileTeam = (value: TeamConfig): TeamResource => ({
  ...showFileCustomer(value),
  object: 'team',
  id: `file:team:${value.name}`,
  customer: value.customer,
  customer_id: value.customer === null ? null : `file:customer:${value.customer}`,
})

const showAllowed = ({ limits, budget }: Pick<StoredCustomer, 'limits' | 'budget'>) => ({
  limits: showLimits(limits),
  budget: showBudget(budget),
})
