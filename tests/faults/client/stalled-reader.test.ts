import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { matchChat } from '../../../src/api/chat-routes.ts'
import { Inference } from '../../../src/api/inference.ts'
import { ContentCapture } from '../../../src/gateway/content-capture.ts'
import { Gateway } from '../../../src/gateway/gateway.ts'
import { BodyBudget } from '../../../src/http/body.ts'
import { InFlight } from '../../../src/http/in-flight.ts'
import { createHttpServer } from '../../../src/http/server.ts'
import type { JobQueue } from '../../../src/jobs/job-queue.ts'
import { Metrics } from '../../../src/observability/metrics.ts'
import type { CallRecord } from '../../../src/observability/records.ts'
import { noTracer } from '../../../src/observability/tracer.ts'
import type { Endpoint, ExchangeHandler } from '../../../src/transport/transport.ts'
import { noTranslator } from '../../support/any-memory.ts'
import { openBooks } from '../../support/books.ts'
import { manualRuntime } from '../../support/manual-clock.ts'
import { postBytes, rawConnect } from '../../support/raw-client.ts'
import { snapshotOf } from '../upstream/provider-fixture.ts'

const runtime = manualRuntime()
const { clock } = runtime
const inFlight = new InFlight()
const budget = new BodyBudget(() => 1_000_000)
const records: CallRecord[] = []

/** A provider that sends as long as it is let, one event at each turn of the loop. */
class Flood implements Endpoint {
  aborted = false
  paused = false
  #handler: ExchangeHandler | null = null

  send(_: unknown, handler: ExchangeHandler): ReturnType<Endpoint['send']> {
    this.#handler = handler
    setImmediate(() => {
      handler.onHead(200, { 'content-type': 'text/event-stream' })
      this.#flow()
    })
    return {
      dispatched: true,
      abort: () => {
        this.aborted = true
      },
      pause: () => {
        this.paused = true
      },
      resume: () => {
        this.paused = false
        this.#flow()
      },
    }
  }

  #flow(): void {
    if (this.paused || this.aborted) return
    this.#handler?.onData(event)
    setImmediate(() => this.#flow())
  }
}
const event = Buffer.from(
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(64_000) } }] })}\n\n`,
)

const flood = new Flood()
const compiled = snapshotOf({
  providers: [{ timeouts: limits() }],
  auth: { inference: 'optional' },
  endpoint: flood,
})
const server = {
  ...compiled.config.server,
  maxBodyBytes: 100_000,
  maxInFlight: { plain: 10, streams: 10 },
  stream: { holdMs: 15_000, keepAliveMs: 15_000 },
  corsOrigins: null,
  hosts: [],
  trustedProxies: [],
}
const snapshot = { ...compiled, config: { ...compiled.config, server } }
const { books } = openBooks(clock)
const inference = new Inference({
  gateway: new Gateway(snapshot, {
    runtime,
    books,
    memory: budget,
    translator: noTranslator,
    strain: { level: 0 },
  }),
  // No job is handed in here.
  jobs: {} as JobQueue,
  strain: { level: 0, sign: null },
  runtime,
  inFlight,
  budget,
  settling: {
    clock,
    metrics: new Metrics('test'),
    books,
    content: new ContentCapture(),
    tracer: noTracer,
    redact: () => (text) => text,
    record: (record) => void records.push(record),
  },
})
const listening = createHttpServer({
  front: (req, res) => {
    const match = matchChat(req.url ?? '')
    if (match) inference.handle(req, res, match)
    return match !== null
  },
  handler: (_req, res) => res.end(),
  newId: runtime.newId,
  clock,
})
await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
after(() => {
  listening.closeAllConnections()
  listening.close()
})

function limits() {
  const hourMs = 3_600_000
  return {
    connectMs: 1000,
    firstByteMs: null,
    firstTokenMs: null,
    idleMs: 10_000,
    totalMs: hourMs,
    streamTotalMs: hourMs,
    jobMs: hourMs,
  }
}

test('S03 a reader that has stopped for 60 s is let go, its provider with it, and recorded as gone', async () => {
  const client = await rawConnect((listening.address() as AddressInfo).port)
  const body = { model: 'up/x', messages: [{ role: 'user', content: 'hi' }], stream: true }
  client.pause()
  await client.write(postBytes('/v1/chat/completions', {}, body))
  await until(() => flood.paused)
  assert.equal(inFlight.streams, 1)
  // The provider's own silence limit does not run while it is our client that keeps it waiting.
  await clock.advance(59_999)
  assert.equal(flood.aborted, false)
  assert.equal(records.length, 0)
  await clock.advance(1)
  await until(() => records.length > 0)
  assert.equal(flood.aborted, true)
  assert.equal(records[0]?.status, 499)
  assert.equal(records[0]?.error, 'client_closed')
  assert.equal(records[0]?.estimated, true)
  assert.equal(inFlight.size, 0)
  assert.equal(inFlight.streams, 0)
  assert.equal(budget.used, 0)
  client.resume()
  await client.closed
  // Its line of the ledger is written a moment later.
  await clock.advance(100)
  assert.equal(clock.pending, 0)
})

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}
