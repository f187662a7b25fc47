import type { Server } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { logRoutes } from '../api/admin/log-routes.ts'
import { createApp } from '../api/app.ts'
import { Inference } from '../api/inference.ts'
import type { Config, ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/proxy.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock, Runtime } from '../core/runtime.ts'
import { Credentials } from '../credentials/credentials.ts'
import { Gateway } from '../gateway/gateway.ts'
import type { SettleDeps } from '../gateway/settle.ts'
import { compileSnapshot } from '../gateway/snapshot.ts'
import { AdminGate } from '../governance/admin-door.ts'
import { KeyGuesses } from '../governance/key-guesses.ts'
import { Sessions } from '../governance/sessions.ts'
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
import { AccessFollower } from './access-follower.ts'
import { openBooks } from './books.ts'
import type { ConfigInForce } from './config-in-force.ts'
import { credentialSettings } from './credential-settings.ts'
import { forgetFirstRun, type Identity } from './first-run.ts'
import { createJobs } from './job-parts.ts'
import { openRequestLog } from './request-log.ts'
import { resealBeside } from './reseal.ts'
import { SnapshotInForce } from './snapshot-in-force.ts'
import { openTracing } from './tracing.ts'
import { ThreadTranslator } from './translator.ts'

export interface Parts {
  /** What it has now is put in force at the start; whatever it reads later, by `reload`. */
  readonly source: ConfigInForce
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
  noteRefusedReload(): void
  /** Ends in order: refuse, let finish, cut, keep. */
  shutdown(delayMs: number): Promise<void>
}

/** Puts the parts together, from the configuration to the listening server. */
export async function startGateway(parts: Parts): Promise<RunningGateway> {
  const { source, identity, store, log, runtime, version, front, env } = parts
  const { config } = source.current()
  const { keySecret, sealer } = identity
  const pools = new Pools()
  const credentials = new Credentials(runtime)
  const admin = new AdminGate(identity.admin, runtime.clock)
  const guesses = new KeyGuesses(runtime.clock)
  const metrics = new Metrics(version)
  const inFlight = new InFlight()
  const connections = new OpenConnections()
  const descriptors = new Descriptors(() => connections.open + inFlight.size)
  const strain = new StrainGauge({
    descriptors: () => descriptors.part,
    connections: () => connections.part,
    commands: () => store.queue,
  })
  const sessions = new Sessions(store, runtime)
  const inForce = new SnapshotInForce(config, {
    ...{ store, keySecret, sealer, clock: runtime.clock },
    context: { types: [...providerTypes.values()], env },
    warn: (id, problem) =>
      log.logger.warn({ id, problem }, 'a provider or a key made by the API is not in force'),
    compile: (from, access) =>
      compileSnapshot({
        config: from,
        types: providerTypes,
        ...access,
        admin: {
          check: (basic, address) => admin.check(basic, address),
          checkSession: (token) => sessions.check(token),
          guesses,
          keysKnown: () => follower.known(),
        },
        openEndpoint: (provider) => openEndpoint(provider, pools, runtime),
        openCredential: (provider, key) => credentials.open(credentialSettings(provider, key, env)),
      }),
  })
  const translator = new ThreadTranslator()
  const { dataDir } = config
  const accounts = await openBooks({
    ...{ store, runtime, dataDir, logger: log.logger },
    redact: () => requests.redact(),
  })
  const { books } = accounts
  const budget: BodyBudget = new BodyBudget(() => gateway.snapshot.config.server.maxBufferedBytes)
  const gateway: Gateway = new Gateway(await inForce.begin(), {
    runtime,
    books,
    memory: budget,
    translator,
    strain,
  })
  const requests = openRequestLog({
    ...{ config: gateway.snapshot.config, runtime },
    logger: log.logger,
  })
  const tracing = await openTracing({
    ...{ config, runtime, metrics, version },
    logger: log.logger,
    redact: requests.redact,
    providerNamed: (name) => gateway.snapshot.config.providers.get(name),
  })
  const settling: SettleDeps = {
    content: requests.content,
    redact: requests.redact,
    tracer: tracing.tracer,
    clock: runtime.clock,
    metrics,
    books,
    record(record, call) {
      // Said once, for both.
      const text = JSON.stringify(record)
      log.record(text, 'call')
      requests.record(record, call, text)
    },
  }
  const jobs = createJobs({
    ...{ store, gateway, runtime, metrics, settling, sealer },
    logger: log.logger,
  })
  const inference = new Inference({
    ...{ gateway, runtime, inFlight, settling, strain },
    jobs: jobs.queue,
    budget,
  })
  inForce.connect((snapshot, isWhole) => {
    gateway.swap(snapshot)
    if (!isWhole) return
    requests.follow(snapshot.config)
    const providers = [...snapshot.config.providers.values()]
    pools.keepOnly(providers.filter(isRemote).map(poolSettings))
    credentials.keepOnly(
      providers.flatMap((each) =>
        (each.keys ?? []).map((key) => credentialSettings(each, key, env)),
      ),
    )
  })
  const follower = new AccessFollower({
    store,
    clock: runtime.clock,
    warn: ({ code, message }, what) => log.logger.warn({ code, reason: message }, what),
    apply: () => inForce.renew(),
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
    admin: {
      ...{ gateway, runtime, budget, store, sessions, keySecret, source, sealer, settling },
      providers: inForce,
      jobs: jobs.queue,
      gate: admin,
      renewAccess: () => follower.renew(),
      onLogin: () => forgetFirstRun(config),
    },
    moreAdminRoutes: logRoutes({
      ...{ log: requests.log, tail: requests.tail, clock: runtime.clock },
      lost: () => requests.signs().lost,
    }),
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
    ledgerLines: accounts.writer.waiting,
    requestLog: requests.signs(),
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
  let stopResealing = (): void => {}
  const renewing = runtime.clock.timer(connectionAgeMs, () => {
    pools.renew()
    renewing.refresh()
  })
  const stopCaring = (): void => {
    follower.stop()
    stopResealing()
    jobs.worker.stop()
    accounts.stop()
    requests.stop()
    watching.cancel()
    renewing.cancel()
    vitals.stop()
  }
  try {
    await follower.start()
    if (identity.hasFormer) stopResealing = resealBeside(store, sealer, log)
    await jobs.worker.start(() => listen(server, config.server))
  } catch (thrown) {
    stopCaring()
    throw thrown
  }
  source.connect(async (next) => {
    await inForce.reload(next)
    metrics.reloaded(true, runtime.clock.now())
  })
  return {
    port: (server.address() as AddressInfo).port,
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
      await Promise.all([requests.close(), tracing.close()])
      await store.close()
      log.logger.info(cut, 'stopped')
      log.flush()
    },
  }
}

const vitalsMs = 250
/** After which an upstream connection carries no further call. */
const connectionAgeMs = 10 * 60_000
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
  reach,
}: ProviderConfig): PoolSettings {
  return {
    origin: new URL(baseUrl).origin,
    connectTimeoutMs: timeouts.connectMs,
    connections: maxConcurrency,
    proxy,
    ca: tls.ca,
    reach,
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
