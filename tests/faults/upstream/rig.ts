import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasOpenedItsFiles } from '../../support/open-files.ts'
import {
  postBytes,
  type RawClient,
  type RawResponse,
  rawConnect,
} from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'

type Fields = Readonly<Record<string, unknown>>

/** Must never leave the gateway except towards the provider. */
const canaryMark = 'c4n4ry-0123456789abcdef'
export const canaryKey = `sk-${canaryMark}-key`
export const canaryHeader = `${canaryMark}-header`

export interface RigOptions {
  /** Merged over the block of every provider; the key is the provider's name. */
  readonly providers?: Readonly<Record<string, Fields>>
  readonly server?: Fields
  readonly env?: Readonly<Record<string, string>>
  /** What resident memory may grow by over all the tests of a file. */
  readonly growthMiB?: number
}

export interface CallOptions {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One gateway before one scripted provider, and what must hold once a file's tests are through. */
export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const upstream = await startUpstream()
  const provider = (fields: Fields): Fields => ({
    type: 'openai-compatible',
    base_url: `${upstream.url}/v1`,
    keys: [{ name: 'main', value: canaryKey }],
    headers: { 'x-extra-secret': canaryHeader },
    retries: { max: 0 },
    ...fields,
  })
  const providers = { up: {}, ...options.providers }
  const gateway = await startGateway({
    config: {
      version: 1,
      server: { drain: { delay: '0s' }, ...options.server },
      auth: { inference: 'optional' },
      providers: Object.fromEntries(
        Object.entries(providers).map(([name, fields]) => [name, provider(fields)]),
      ),
    },
    ...(options.env && { env: options.env }),
    args: ['--log-level', 'debug', '--log-format', 'json'],
  })
  const rig = new Rig(gateway, upstream, options.growthMiB ?? 200)
  await rig.settleBaseline()
  return rig
}

class Rig {
  readonly gateway: Gateway
  readonly upstream: Upstream
  readonly #growthMiB: number
  readonly #seen: string[] = []
  #sent = 0
  #fds = 0
  #rssKb = 0

  constructor(gateway: Gateway, upstream: Upstream, growthMiB: number) {
    this.gateway = gateway
    this.upstream = upstream
    this.#growthMiB = growthMiB
  }

  /** Sends a chat call and leaves the rest to the test; `label` finds its record in the log. */
  async open(
    model: string,
    fields: Fields = {},
    options: CallOptions = {},
  ): Promise<RawClient & { label: string }> {
    const client = await rawConnect(this.gateway.port)
    const label = `call-${++this.#sent}`
    const body = { model, messages: [{ role: 'user', content: 'one two three' }], ...fields }
    const headers = { 'x-request-id': label, ...options.headers }
    await client.write(postBytes(options.path ?? '/v1/chat/completions', headers, body))
    return Object.assign(client, { label })
  }

  /** A whole call. Whatever comes back is searched for secrets at the end. */
  async call(model: string, fields: Fields = {}, options: CallOptions = {}): Promise<RawResponse> {
    using client = await this.open(model, fields, options)
    const response = await client.response(20_000)
    this.note(response)
    return response
  }

  stream(model: string, fields: Fields = {}, options: CallOptions = {}): Promise<RawResponse> {
    return this.call(model, { stream: true, ...fields }, options)
  }

  note({ rawHeaders, text }: RawResponse): void {
    this.#seen.push(`${rawHeaders.flat().join('\n')}\n${text}`)
  }

  /** The call's line in the log, once it is written. */
  async record(label: string): Promise<Record<string, unknown>> {
    const found = await eventually(
      () => this.#records().find((record) => record['request'] === label),
      `a record of ${label}`,
    )
    return found
  }

  async metrics(): Promise<string> {
    const response = await fetch(`${this.gateway.url}/metrics`, {
      headers: { connection: 'close' },
    })
    return await response.text()
  }

  /** What a process holds once it has served, and nobody is connected. */
  async settleBaseline(): Promise<void> {
    for (const stream of [false, true])
      assert.equal((await this.call('up/warm-up', { stream })).status, 200)
    await this.metrics()
    await eventually(() => hasOpenedItsFiles(this.gateway.dataDir), 'the files of the gateway')
    await this.#quiet()
    this.#fds = this.gateway.fds()
    this.#rssKb = this.gateway.rssKb()
  }

  /** Everything that must hold after a file's tests, whatever they did. Ends both sides. */
  async close(): Promise<void> {
    try {
      await this.#checkInvariants()
    } finally {
      await this.gateway.stop('SIGINT').finally(() => this.upstream.stop())
    }
  }

  async #checkInvariants(): Promise<void> {
    const healthy = await this.call('up/healthy')
    assert.equal(healthy.status, 200, 'the process still serves')
    let metrics = ''
    await eventually(async () => {
      metrics = await this.metrics()
      return (
        gauge(metrics, 'sluice_inflight_requests') + gauge(metrics, 'sluice_open_streams') === 0
      )
    }, 'gauges at 0')
    await this.#quiet()
    assert.ok(this.gateway.fds() <= this.#fds, `${this.gateway.fds()} fds, ${this.#fds} before`)
    const grownMiB = (this.gateway.rssKb() - this.#rssKb) / 1024
    assert.ok(grownMiB < this.#growthMiB, `memory grew by ${Math.round(grownMiB)} MiB`)
    await this.#checkLog()
    const port = new RegExp(`127\\.0\\.0\\.1:${this.upstream.port}|${this.upstream.port}/v1`)
    for (const text of [...this.#seen, metrics, this.gateway.stdout()]) {
      assert.ok(!text.includes(canaryMark), `a secret got out: ${text.slice(0, 2000)}`)
      assert.doesNotMatch(text, port, 'the address of the provider got out')
    }
    assert.deepEqual(this.upstream.malformed, [])
    assert.deepEqual(this.upstream.pipelined, [])
  }

  async #checkLog(): Promise<void> {
    await eventually(() => this.#records().length >= this.#sent, 'a record of every call')
    const log = this.gateway.stderr()
    const labels = this.#records().map((record) => record['request'])
    assert.equal(new Set(labels).size, labels.length, 'one record for each call')
    assert.deepEqual(
      log.split('\n').filter((line) => line.includes(canaryMark)),
      [],
    )
    const faults = log
      .split('\n')
      .filter((line) => /internal_error|"level":"(error|fatal)"/.test(line))
    assert.deepEqual(faults, [])
  }

  async #quiet(): Promise<void> {
    await eventually(() => {
      this.upstream.closeIdle('fin')
      return this.gateway.sockets() === 0
    }, 'all sockets closed')
  }

  #records(): Record<string, unknown>[] {
    return this.gateway
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes('"msg":"call"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}

export type { Rig }

function gauge(metrics: string, name: string): number {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]
  if (value === undefined) throw new Error(`/metrics has no ${name}`)
  return Number(value)
}

/** Looks again and again until it is so: for what nothing tells of, such as another process's sockets. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what: string,
  limitMs = 10_000,
): Promise<NonNullable<T>> {
  const endAt = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > endAt) throw new Error(`never came about: ${what}`)
    await sleep(10)
  }
}
