import type { Server } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { createApp } from '../api/app.ts'
import { Inference } from '../api/inference.ts'
import type { Config, ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/proxy.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock, Runtime } from '../core/runtime.ts'
import { Credentials } from '../credentials/credentials.ts'
import { Gateway } from '../gateway/gateway.ts'
import type { SettleDeps } from '../gateway/settle.ts'
import { compileSnapshot, type Snapshot } from '../gateway/snapshot.ts'
import { AdminGate } from '../governance/admin-door.ts'
import { StrainGauge, signs } from '../governance/strain.ts'
import { BodyBudget } from '../http/body.ts'
import { Descriptors } from '../http/descriptors.ts'
import { InFlight } from '../http/in-flight.ts'
import { connectionsAtMost, OpenConnections } from '../http/open-connections.ts'
import { openVitals } from '../http/vitals.ts'
import { Metrics } from '../observability/metrics.ts'
import { demoReply } from '../providers/demo.ts'
import { providerTypes } from '../providers/registry.ts'
import type { Log } from '../sinks/log.ts'
import type { Store } from '../store/store.ts'
import { decoded } from '../transport/decoded.ts'
import { type PoolSettings, Pools } from '../transport/pool.ts'
import { scriptedEndpoint } from '../transport/scripted.ts'
import type { Endpoint } from '../transport/transport.ts'
import { openBooks } from './books.ts'
import { credentialSettings } from './credential-settings.ts'
import type { Identity } from './first-run.ts'
import { createJobs } from './job-parts.ts'
import { loadKeysInForce } from './keys-in-force.ts'
import { ThreadTranslator } from './translator.ts'

export interface Parts {
  readonly config: Config
  readonly identity: Identity
  readonly store: Store
  readonly log: Log
  readonly runtime: Runtime
  readonly version: string
  /** Whether chat calls take the short way in front of the framework. */
  readonly front: boolean
  /** For the proxies it names. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface RunningGateway {
  readonly port: number
  /** Puts another configuration in force without cutting anything. */
  reload(config: Config): Promise<void>
  noteRefusedReload(): void
  /** Ends in order: refuse, let finish, cut, keep. */
  shutdown(delayMs: number): Promise<void>
}

/** Puts the parts together, from the configuration to the listening server. */
export async function startGateway(parts: Parts): Promise<RunningGateway> {
  const { config, identity, store, log, runtime, version, front, env } = parts
  const pools = new Pools()
  const credentials = new Credentials(runtime)
  const admin = new AdminGate(identity.admin, runtime.clock)
  const metrics = new Metrics(version)
  const inFlight = new InFlight()
  const connections = new OpenConnections()
  const descriptors = new Descriptors(() => connections.open + inFlight.size)
  const strain = new StrainGauge({
    descriptors: () => descriptors.part,
    connections: () => connections.part,
    commands: () => store.queue,
  })
  const compile = async (from: Config): Promise<Snapshot> =>
    compileSnapshot({
      config: from,
      types: providerTypes,
      keys: await loadKeysInForce(store, from, identity.keySecret, runtime.clock.now()),
      keySecret: identity.keySecret,
      admin,
      openEndpoint: (provider) => openEndpoint(provider, pools, runtime),
      openCredential: (provider, key) => credentials.open(credentialSettings(provider, key, env)),
    })
  const translator = new ThreadTranslator()
  const { dataDir } = config
  const accounts = await openBooks({ store, runtime, dataDir, logger: log.logger })
  const { books } = accounts
  const budget: BodyBudget = new BodyBudget(() => gateway.snapshot.config.server.maxBufferedBytes)
  const gateway: Gateway = new Gateway(await compile(config), {
    runtime,
    books,
    memory: budget,
    translator,
    strain,
  })
  const settling: SettleDeps = {
    clock: runtime.clock,
    metrics,
    books,
    record: (record) => log.record(record, 'call'),
  }
  const { sealingKey } = identity
  const jobs = createJobs({
    ...{ store, gateway, runtime, metrics, settling, sealingKey },
    logger: log.logger,
  })
  const inference = new Inference({
    ...{ gateway, runtime, inFlight, settling, strain },
    jobs: jobs.queue,
    budget,
  })
  let draining = false
  const { app, server } = await createApp({
    gateway,
    inference,
    jobs: jobs.queue,
    metrics,
    runtime,
    budget,
    version,
    front,
    loopback: isLoopback(config.server.host),
    notReady: async () => (draining ? 'draining' : await storeTrouble(store)),
  })
  connections.watch(server, () =>
    connectionsAtMost(gateway.snapshot.config.server.maxInFlight, descriptors.limit),
  )
  metrics.watch(() => ({
    calls: inFlight.size,
    streams: inFlight.streams,
    droppedLines: log.dropped(),
    openBreakers: gateway.health.countOpen(),
    strain: strain.level,
    strains: Object.fromEntries(signs.map((sign) => [sign, strain.of(sign)])),
    connections: connections.open,
    refusedConnections: connections.refused,
    storeCommands: store.queue.waiting,
  }))
  metrics.reloaded(true, runtime.clock.now())
  // Last, since what fails before must not leave a timer that keeps an embedding process alive.
  const vitals = openVitals()
  const watching = runtime.clock.timer(vitalsMs, () => {
    connections.look()
    void descriptors.look()
    strain.look(vitals.read())
    watching.refresh()
  })
  const stopCaring = (): void => {
    jobs.worker.stop()
    accounts.stop()
    watching.cancel()
    vitals.stop()
  }
  try {
    await jobs.worker.start(() => listen(server, config.server))
  } catch (thrown) {
    stopCaring()
    throw thrown
  }
  return {
    port: (server.address() as AddressInfo).port,
    async reload(next) {
      gateway.swap(await compile(next))
      const providers = [...next.providers.values()]
      pools.keepOnly(providers.filter(isRemote).map(poolSettings))
      credentials.keepOnly(
        providers.flatMap((each) =>
          (each.keys ?? []).map((key) => credentialSettings(each, key, env)),
        ),
      )
      metrics.reloaded(true, runtime.clock.now())
    },
    noteRefusedReload: () => metrics.reloaded(false, runtime.clock.now()),
    async shutdown(delayMs) {
      const { graceMs } = gateway.snapshot.config.server.drain
      const { clock } = runtime
      draining = true
      jobs.worker.drain()
      // Connections end with their next answer from now on: whoever keeps some finds them closed before the door is.
      inference.drain()
      log.logger.info(
        { calls: inFlight.size, jobs: jobs.worker.running, delay_ms: delayMs },
        'draining: not ready any more, still serving',
      )
      await clock.sleep(delayMs)
      // Not the HTTP server's own close: it would cut kept connections on which a request may be on its way.
      NetServer.prototype.close.call(server)
      log.logger.info(
        { calls: inFlight.size, jobs: jobs.worker.running, grace_ms: graceMs },
        'draining: closed to new connections',
      )
      const idle = (): Promise<unknown> =>
        Promise.all([inFlight.whenEmpty(), jobs.worker.whenIdle()])
      const quiet = async (): Promise<void> => {
        do {
          await idle()
          // Who kept a connection sends the next call right behind the end of the last: it is still answered.
          if (delayMs > 0) await clock.sleep(lastCallMs)
        } while (inFlight.size > 0)
      }
      await atMost(graceMs, quiet(), clock)
      const cut = { cut: inFlight.size, jobs_handed_back: jobs.worker.running }
      inFlight.abortAll(new GatewayError('gateway_shutdown', 'The gateway is shutting down'))
      jobs.worker.cut()
      await atMost(settleMs, idle(), clock)
      stopCaring()
      server.closeAllConnections()
      await app.close()
      credentials.close()
      await translator.close()
      await pools.close()
      await accounts.close()
      await store.close()
      log.logger.info(cut, 'stopped')
      log.flush()
    },
  }
}

const vitalsMs = 250
const lastCallMs = 250
/** How long calls that were just cut may take to tell their clients and be settled. */
const settleMs = 2000

async function atMost(ms: number, done: Promise<unknown>, clock: Clock): Promise<void> {
  const over = new AbortController()
  // The sleep ends with the race: a timer of many minutes would keep an embedding process alive.
  const late = clock.sleep(ms, over.signal).catch(() => {})
  await Promise.race([done, late])
  over.abort()
}

const isRemote = ({ type }: ProviderConfig): boolean => type !== 'demo'

function poolSettings({
  baseUrl,
  timeouts,
  maxConcurrency,
  proxy,
  tls,
}: ProviderConfig): PoolSettings {
  return {
    origin: new URL(baseUrl).origin,
    connectTimeoutMs: timeouts.connectMs,
    connections: maxConcurrency,
    proxy,
    ca: tls.ca,
  }
}

function openEndpoint(provider: ProviderConfig, pools: Pools, runtime: Runtime): Endpoint {
  if (isRemote(provider)) return decoded(pools.open(poolSettings(provider)))
  return scriptedEndpoint(
    ({ body }) =>
      demoReply(body, {
        id: runtime.newId(),
        createdAt: Math.floor(runtime.clock.now() / 1000),
      }),
    runtime.clock,
  )
}

async function storeTrouble(store: Store): Promise<string | null> {
  try {
    await store.ping()
    return null
  } catch {
    return 'the store cannot be written'
  }
}

function listen(server: Server, { host, port }: Config['server']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
