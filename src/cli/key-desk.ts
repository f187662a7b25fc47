import { checkFields } from '../api/admin/check-fields.ts'
import { keyRoutes } from '../api/admin/key-routes.ts'
import type { LoadedConfig, LoadOptions } from '../config/load.ts'
import { GatewayError } from '../core/errors.ts'
import { systemRuntime } from '../core/system.ts'
import {
  askGateway,
  describeAnswer,
  type Fields,
  findGateway,
  type GatewayAddress,
  UnreachableError,
} from './ask-gateway.ts'
import { prepareDataDir } from './first-run.ts'
import { readMasterKeys, unlock } from './master-key.ts'
import { openStore } from './open-store.ts'
import { UsageError } from './usage-error.ts'

/** Where keys are made and taken back. All of it throws a UsageError. */
export interface KeyDesk {
  /** Of the gateway, or of the store: for messages. */
  readonly place: string
  create(fields: Fields): Promise<Fields>
  /** The newest first; `search` is part of a name, null: all. */
  list(search: string | null): Promise<readonly Fields[]>
  revoke(id: string): Promise<Fields>
  close(): Promise<void>
}

/** The running gateway's; where none runs at the configured address, the store's own, which its lock keeps others out of. */
export async function openKeyDesk(
  loaded: LoadedConfig,
  options: LoadOptions,
  url: string | null,
): Promise<KeyDesk> {
  if (url !== null || loaded.config.server.port !== 0) {
    const gateway = await tryGateway(loaded, options, url)
    if (gateway) return gateway
  }
  return await openStoreDesk(loaded, options)
}

async function tryGateway(
  loaded: LoadedConfig,
  { env }: LoadOptions,
  url: string | null,
): Promise<KeyDesk | null> {
  try {
    const gateway = findGateway(loaded, url, env)
    // Who answers there is found out before anything is asked of it.
    await askGateway(gateway, 'GET', '/livez')
    return gatewayDesk(gateway)
  } catch (thrown) {
    if (url === null && thrown instanceof UnreachableError) return null
    throw thrown
  }
}

const path = '/api/virtual-keys'
const pageSize = 200

function gatewayDesk(gateway: GatewayAddress): KeyDesk {
  const ask = async (method: 'GET' | 'POST' | 'DELETE', at: string, body?: Fields) => {
    const answer = await askGateway(gateway, method, at, body)
    if (answer.ok && answer.body) return answer.body
    throw describeAnswer(answer, gateway, 'virtual keys')
  }
  return {
    place: gateway.url,
    create: (fields) => ask('POST', path, fields),
    list: (search) =>
      allPages((after) => {
        const query = {
          limit: String(pageSize),
          ...(search && { search }),
          ...(after && { after }),
        }
        return ask('GET', `${path}?${new URLSearchParams(query)}`)
      }),
    revoke: (id) => ask('DELETE', `${path}/${encodeURIComponent(id)}`),
    async close() {},
  }
}

async function allPages(
  ask: (after: string | null) => Promise<Fields>,
): Promise<readonly Fields[]> {
  const all: Fields[] = []
  for (let after: string | null = null; ; ) {
    const page = await ask(after)
    all.push(...(page['data'] as readonly Fields[]))
    if (page['has_more'] !== true) return all
    after = String(all.at(-1)?.['id'])
  }
}

/** The same steps as in the gateway, without one: checked, audited, and in force at its next start. */
async function openStoreDesk({ config }: LoadedConfig, { env }: LoadOptions): Promise<KeyDesk> {
  prepareDataDir(config.dataDir)
  const store = await openStore(config, env)
  try {
    const { keySecret } = await unlock(store, readMasterKeys(config.dataDir, env))
    const routes = keyRoutes({
      store,
      runtime: systemRuntime,
      gateway: { snapshot: { config } },
      keySecret,
      async renewAccess() {},
    })
    const ask = async (id: string, body: Fields | null, more: { id?: string; query?: Fields }) => {
      const route = routes.find(({ operation }) => operation.id === id)
      if (!route) throw new Error(`there is no operation ${id}`)
      try {
        if (route.operation.body) checkFields(route.operation.body, body)
        const { body: answered } = await route.handle({
          admin: { username: `${config.auth.admin.username} (command line)`, session: null },
          requestId: systemRuntime.newId(),
          params: more.id === undefined ? {} : { id: more.id },
          query: more.query ?? {},
          body,
          ifVersion: null,
          headers: {},
          address: '',
          isSecure: false,
        })
        return answered as Fields
      } catch (thrown) {
        if (thrown instanceof GatewayError) throw new UsageError(`${thrown.message}.`, 1)
        throw thrown
      }
    }
    return {
      place: 'the store: no gateway runs here',
      create: (fields) => ask('createVirtualKey', fields, {}),
      list: (search) =>
        allPages((after) => {
          const query = { limit: pageSize, ...(search && { search }), ...(after && { after }) }
          return ask('listVirtualKeys', null, { query })
        }),
      revoke: (id) => ask('deleteVirtualKey', null, { id }),
      close: () => store.close(),
    }
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}
