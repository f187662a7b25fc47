import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { hasOpenedItsFiles } from '../../support/open-files.ts'
import { postBytes, type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'

export const chatPath = '/v1/chat/completions'

/** The callers' key; it carries the marker of a secret like everything else that must not be seen outside. */
export const callerKey = 'sk-bf-00000000-0000-4000-8000-00000ca4a47e'
const providerKey = 'sk-upstream-CANARY-9f31'
const adminPassword = 'CANARY-admin-password'
const secrets = [callerKey, providerKey, adminPassword]
export const adminBasic = Buffer.from(`admin:${adminPassword}`).toString('base64')

interface RigOptions {
  readonly server?: object
  readonly auth?: object
  readonly providers?: object
  readonly virtualKeys?: readonly object[]
}

/** One gateway and one upstream for a file of tests, with a caller in parallel that must always be served. */
export async function startRig(options: RigOptions = {}): Promise<ClientRig> {
  const upstream = await startUpstream()
  const usual = { keys: [{ name: 'main', value: providerKey }], retries: { max: 0 } }
  const gateway = await startGateway({
    args: ['--log-format', 'json'],
    config: {
      version: 1,
      server: { drain: { delay: '0s', grace: '1s' }, ...options.server },
      auth: { admin: { password: adminPassword }, ...options.auth },
      providers: {
        openai: { ...usual, base_url: `${upstream.url}/v1` },
        azure: { ...usual, base_url: upstream.url, api_version: '2024-10-21' },
        ...options.providers,
      },
      virtual_keys: [{ name: 'team', value: callerKey }, ...(options.virtualKeys ?? [])],
    },
  })
  const rig = new ClientRig(gateway, upstream)
  await rig.begin()
  return rig
}

class ClientRig {
  readonly gateway: Gateway
  readonly upstream: Upstream
  #idleFds = 0
  #serving = true
  #healthy: Promise<{ served: number; slowestMs: number }> | null = null

  constructor(gateway: Gateway, upstream: Upstream) {
    this.gateway = gateway
    this.upstream = upstream
  }

  get port(): number {
    return this.gateway.port
  }

  /** Requests of the model `marker`, by which one test finds its own among those of others. */
  seen(marker: string): Upstream['requests'] {
    return this.upstream.requests.filter(
      ({ model, body }) => model === marker || body.includes(marker),
    )
  }

  /** Notes what is open when nothing goes on, and starts the caller in parallel. */
  async begin(): Promise<void> {
    await this.ask({ model: 'openai/warm-up' })
    await eventually('the files of the gateway', () => hasOpenedItsFiles(this.gateway.dataDir))
    await this.#untilQuiet()
    this.#idleFds = this.gateway.fds()
    this.#healthy = this.#keepCalling()
    // It is awaited in `finish`; a failure before that must not end the test run by itself.
    this.#healthy.catch(() => undefined)
  }

  /** Sends bytes on a connection of their own and waits for the answer. */
  async send(bytes: string | Uint8Array, timeoutMs?: number): Promise<RawResponse> {
    using client = await rawConnect(this.port)
    // A refusal may come, and the connection end, before all is written.
    client.write(bytes).catch(() => undefined)
    return await client.response(timeoutMs)
  }

  ask(body: object, headers: Readonly<Record<string, string>> = {}): Promise<RawResponse> {
    return this.send(chatBytes(body, headers))
  }

  async metric(name: string): Promise<number> {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(await this.#metrics())?.[1]
    assert.ok(found, `no metric ${name}`)
    return Number(found)
  }

  /** The log's records of calls under a request id. */
  records(requestId: string): Record<string, unknown>[] {
    return this.gateway
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes(requestId))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((record) => record['request'] === requestId)
  }

  /** The one record a call leaves, once it is written. */
  async record(requestId: string): Promise<Record<string, unknown>> {
    await eventually(`a record of ${requestId}`, () => this.records(requestId).length > 0)
    return this.records(requestId)[0] ?? {}
  }

  /** Checks what must hold after every fault, and tells how the parallel caller fared. */
  async finish(t: TestContext): Promise<void> {
    this.#serving = false
    const healthy = await this.#healthy
    assert.ok(healthy && healthy.served > 0, 'a healthy caller was served beside the faults')
    t.diagnostic(
      `beside the faults ${healthy.served} calls were served, ${healthy.slowestMs} ms at most`,
    )
    await this.#untilQuiet()
    await eventually('descriptors back at the baseline', () => this.gateway.fds() <= this.#idleFds)
    this.#holdsNoSecret(await this.#metrics(), 'the metrics')
    const files = readdirSync(this.gateway.dataDir, { recursive: true, withFileTypes: true })
    for (const file of files.filter((each) => each.isFile()))
      this.#holdsNoSecret(readFileSync(join(file.parentPath, file.name), 'latin1'), file.name)
    await this.gateway.stop('SIGINT')
    assert.deepEqual(await this.gateway.exited, { code: 0, signal: null })
    this.#holdsNoSecret(this.gateway.stderr(), 'the log')
    this.#holdsNoSecret(this.gateway.stdout(), 'standard output')
    this.#oneRecordPerCall()
    assert.doesNotMatch(this.gateway.stderr(), /^.*("level":"(error|fatal)"|Warning:|^\s+at ).*$/m)
    assert.deepEqual(this.upstream.malformed, [], 'the upstream was sent only valid HTTP')
    assert.deepEqual(this.upstream.pipelined, [], 'one request at a time went upstream')
  }

  /** Ends what a failed test may have left. */
  async end(): Promise<void> {
    this.#serving = false
    await this.gateway.kill()
    await this.gateway.stop()
    await this.upstream.stop()
  }

  async #metrics(): Promise<string> {
    const headers = { connection: 'close' }
    return await (await fetch(`${this.gateway.url}/metrics`, { headers })).text()
  }

  #holdsNoSecret(text: string, where: string): void {
    for (const secret of secrets)
      for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, 24)])
        assert.equal(text.includes(form), false, `${where} holds a secret`)
  }

  #oneRecordPerCall(): void {
    const calls = [...this.gateway.stderr().matchAll(/"call":"([^"]+)"/g)].map(([, id]) => id)
    assert.equal(new Set(calls).size, calls.length, 'a call is recorded once')
  }

  async #untilQuiet(): Promise<void> {
    for (const name of ['sluice_inflight_requests', 'sluice_open_streams'])
      await eventually(`${name} back at 0`, async () => (await this.metric(name)) === 0)
    await eventually('no connection left', () => {
      this.upstream.closeIdle('fin')
      return this.gateway.sockets() === 0
    })
  }

  async #keepCalling(): Promise<{ served: number; slowestMs: number }> {
    let served = 0
    let slowestMs = 0
    using client = await rawConnect(this.port)
    while (this.#serving) {
      const before = performance.now()
      await client.write(chatBytes({ model: 'openai/healthy', messages: hello }))
      const { status, text } = await client.response(20_000)
      assert.equal(status, 200, text)
      slowestMs = Math.max(slowestMs, performance.now() - before)
      served++
      await pause(20)
    }
    return { served, slowestMs: Math.round(slowestMs) }
  }
}

export type { ClientRig }

export const hello = [{ role: 'user', content: 'Hello there' }] as const

/** A good request of the caller's; what is given replaces the usual. */
export function chatBytes(
  body: object | string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  path = chatPath,
): Buffer {
  const whole =
    typeof body === 'string' || body instanceof Uint8Array ? body : { messages: hello, ...body }
  return postBytes(path, { authorization: `Bearer ${callerKey}`, ...headers }, whole)
}

/** Looks again and again until it is so; the time limit is for what never comes true. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await check())) {
    assert.ok(performance.now() < end, `not within ${limitMs} ms: ${what}`)
    await pause(5)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Envelope {
  readonly error: { message: string; type: string; param: string | null; code: string }
  readonly status_code: number
}

/** Checks that an answer is the error envelope of this status and code, and gives it back. */
export function assertRefused(answer: RawResponse, status: number, code: string): Envelope {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.complete, true)
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.match(answer.headers['x-request-id'] ?? '', /^[\x21-\x7e]+$/)
  const envelope = answer.json() as Envelope
  assert.equal(envelope.error.code, code, answer.text)
  assert.equal(envelope.status_code, status)
  assert.ok(envelope.error.message.length > 0 && answer.body.length <= 4096)
  for (const secret of secrets) assert.equal(answer.text.includes(secret), false)
  return envelope
}
