import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Config } from '../../src/config/config.ts'
import type { JobOutcome } from '../../src/core/call.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { JobWithResult } from '../../src/core/job.ts'
import { type Principal, unbound, type VirtualKey } from '../../src/core/principal.ts'
import { ContentCapture } from '../../src/gateway/content-capture.ts'
import { Gateway } from '../../src/gateway/gateway.ts'
import { Sealer } from '../../src/governance/sealer.ts'
import { type JobAsk, JobQueue } from '../../src/jobs/job-queue.ts'
import { JobWatch } from '../../src/jobs/job-watch.ts'
import { JobWorker } from '../../src/jobs/job-worker.ts'
import { Timekeeper } from '../../src/jobs/timekeeper.ts'
import { Metrics } from '../../src/observability/metrics.ts'
import type { CallRecord } from '../../src/observability/records.ts'
import { noTracer } from '../../src/observability/tracer.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import type { Endpoint, ExchangeHandler, UpstreamRequest } from '../../src/transport/transport.ts'
import { requestRules, scanJson } from '../../src/wire/json-scan.ts'
import { lookAtChat } from '../../src/wire/openai-chat/look.ts'
import { snapshotOf } from '../faults/upstream/provider-fixture.ts'
import { anyMemory, noTranslator } from './any-memory.ts'
import { openBooks } from './books.ts'
import { manualRuntime } from './manual-clock.ts'

/** One request that reached the provider, to be answered by the test. */
export interface Asked {
  readonly request: UpstreamRequest
  readonly aborted: () => boolean
  answer(status: number, body: string): void
}

const settings: Config['jobs'] = {
  concurrency: 4,
  perKeyConcurrency: 4,
  queueLimit: 100,
  perKeyQueueLimit: 100,
  resultTtlMs: 3600_000,
  maxResultTtlMs: 7 * 86_400_000,
  maxAttempts: 3,
  maxBodyBytes: 1_000_000,
  maxResultBytes: 10_000,
  queueBytes: 1_000_000,
}

export const callerNamed = (name: string): Principal => ({
  ...unbound,
  kind: 'virtual-key',
  name,
  models: null,
  forwardHeaders: [],
  mayPin: false,
})

const keyNamed = (name: string): VirtualKey => ({
  name,
  hash: name.padEnd(64, '0'),
  enabled: true,
  expiresAt: null,
  principal: callerNamed(name),
})

export interface JobStageOptions {
  readonly jobs?: Partial<Config['jobs']>
  /** Stands between the worker and the real store. */
  readonly wrap?: (store: Store) => Store
}

/** Queue and worker over a real store, with a provider that the test plays and a clock that it moves. */
export class JobStage {
  readonly runtime = manualRuntime()
  readonly asked: Asked[] = []
  readonly records: CallRecord[] = []
  readonly outcomes: JobOutcome[] = []
  readonly warnings: string[] = []
  readonly store: Store
  readonly gateway: Gateway
  readonly #books = openBooks(this.runtime.clock).books
  readonly #folder: string
  readonly #jobs: Config['jobs']
  readonly #workers: JobWorker[] = []
  #changed = Promise.withResolvers<void>()

  static async open(options: JobStageOptions = {}): Promise<JobStage> {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-jobs-'))
    const store = await openSqliteStore({ file: path.join(folder, 'sluice.db') })
    return new JobStage(folder, store, options)
  }

  private constructor(folder: string, store: Store, { jobs, wrap }: JobStageOptions) {
    this.#folder = folder
    this.#jobs = { ...settings, ...jobs }
    this.store = wrap ? wrap(store) : store
    this.gateway = new Gateway(this.snapshot(['a', 'b', 'c']), {
      runtime: this.runtime,
      books: this.#books,
      memory: anyMemory,
      translator: noTranslator,
      strain: { level: 0 },
    })
  }

  snapshot(keys: readonly string[]): ReturnType<typeof snapshotOf> {
    return snapshotOf({
      endpoint: this.#endpoint(),
      keys: keys.map(keyNamed),
      jobs: this.#jobs,
      maxReplyBytes: 64 * 1024 * 1024,
    })
  }

  /** A process of its own on the store. */
  begin(node: string): { queue: JobQueue; worker: JobWorker; time: Timekeeper } {
    const { store, gateway, runtime } = this
    const time = new Timekeeper(runtime.clock, store)
    const watch = new JobWatch(runtime.clock)
    const metrics = new Metrics('test')
    const shared = { store, gateway, runtime, time, watch, sealer: new Sealer(Buffer.alloc(32)) }
    const worker = new JobWorker({
      ...shared,
      node,
      settling: {
        clock: runtime.clock,
        metrics,
        books: this.#books,
        content: new ContentCapture(),
        tracer: noTracer,
        redact: () => (text) => text,
        record: (record) => {
          this.records.push(record)
        },
      },
      metrics: {
        jobRan: (outcome) => {
          this.outcomes.push(outcome)
          this.#note()
        },
        jobsRecovered: () => {},
      },
      warn: (_error, message) => {
        this.warnings.push(message)
        this.#note()
      },
    })
    this.#workers.push(worker)
    const queue = new JobQueue({
      ...shared,
      redact: () => (text) => text,
      onSubmitted: () => worker.wake(),
      onCancelled: (id) => worker.abort(id, cancelled),
    })
    return { queue, worker, time }
  }

  /** Resolves once `holds`; looked at whenever something happened. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      await Promise.race([this.#changed.promise, new Promise((done) => setTimeout(done, 5))])
      this.#changed = Promise.withResolvers()
    }
  }

  async job(id: string): Promise<JobWithResult | null> {
    return await this.store.findJob(id, this.runtime.clock.now())
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.stop()
    await this.store.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #note(): void {
    this.#changed.resolve()
  }

  #endpoint(): Endpoint {
    return {
      send: (request: UpstreamRequest, handler: ExchangeHandler) => {
        let aborted = false
        this.asked.push({
          request,
          aborted: () => aborted,
          answer: (status, body) => {
            handler.onHead(status, {})
            handler.onData(Buffer.from(body))
            handler.onEnd()
          },
        })
        this.#note()
        return {
          dispatched: true,
          abort: () => {
            aborted = true
            this.#note()
          },
          pause() {},
          resume() {},
        }
      },
    }
  }
}

const cancelled = new GatewayError('job_cancelled', 'cancelled')

export function askFor(caller: string, more: Partial<JobAsk> = {}, text = 'x'): JobAsk {
  const body = { model: 'm', messages: [{ role: 'user', content: text }] }
  const bytes = Buffer.from(JSON.stringify(body))
  return {
    principal: callerNamed(caller),
    requestId: 'r',
    surface: 'openai',
    route: '/v1/chat/completions',
    look: lookAtChat(bytes, scanJson(bytes, requestRules), false),
    deployment: null,
    extras: { headers: null, apiVersion: null, pinnedKey: null, session: null },
    dimensions: null,
    trace: null,
    ttlMs: 3600_000,
    onInterrupt: 'rerun',
    idempotencyKey: null,
    isRepeat: false,
    ...more,
  }
}

export const completion =
  '{ "id":"c", "choices":[ {"index":0} ],  "usage":{"prompt_tokens":3,"completion_tokens":4}}'
