import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Attempt, Call, JobOutcome } from '../core/call.ts'
import type { ErrorCode } from '../core/errors.ts'
import { nanosPerDollar } from '../core/money.ts'
import { createRedactor } from '../core/redactor.ts'
import { type DropReason, dropReasons } from '../sinks/trace-sink.ts'
import type { JobCounts, Recovered } from '../store/job-store.ts'
import { hedgeOutcomeOf, waitedMsOf } from './attempt-figures.ts'
import { createCounters, createHistograms } from './series.ts'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const overheadSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
]
const jobSeconds = [...seconds, 1800, 3600]
const seriesAtMost = 1000
// Callers choose models, and some put a key there.
const redact = createRedactor()

/** What is true at the moment somebody looks. */
export interface Signs {
  readonly calls: number
  readonly streams: number
  readonly droppedLines: number
  readonly openBreakers: number
  readonly strain: number
  /** The same by what it is for. */
  readonly strains: Readonly<Record<string, number>>
  readonly connections: number
  readonly refusedConnections: number
  /** Commands of the store that wait for their answer. */
  readonly storeCommands: number
  /** Lines of the ledger that are not on disk yet. */
  readonly ledgerLines: number
  readonly requestLog: { readonly lost: number; readonly waiting: number; readonly bytes: number }
}

/** What `/metrics` shows. Labels are bounded: names come from the configuration, errors from the one table. */
export class Metrics {
  readonly #registry = new Registry()
  /** As they are shown, by provider and model. */
  readonly #models = new Map<string, string>()
  readonly #reload: Gauge
  readonly #reloadAt: Gauge
  #lookAtJobs: () => Promise<void> = async () => {}
  readonly #requests = createCounters('sluice_requests_total', 'Calls settled.', [
    'surface',
    'provider',
    'model',
    'status_class',
    'error',
  ])
  readonly #duration = createHistograms(
    'sluice_request_duration_seconds',
    'From the first header to the last byte.',
    ['surface', 'provider', 'stream'],
    seconds,
  )
  readonly #firstToken = createHistograms(
    'sluice_time_to_first_token_seconds',
    'From the first header to the first event of a stream.',
    ['provider'],
    seconds,
  )
  readonly #overhead = createHistograms(
    'sluice_overhead_seconds',
    'The time of plain calls less the wait for the provider.',
    ['surface'],
    overheadSeconds,
  )
  readonly #attempts = createCounters(
    'sluice_upstream_attempts_total',
    'Requests sent to providers.',
    ['provider', 'model', 'outcome'],
  )
  readonly #tokens = createCounters(
    'sluice_tokens_total',
    'Tokens used by all attempts; estimated ones where a provider gave no count.',
    ['provider', 'model', 'type', 'estimated'],
  )
  readonly #cost = createCounters(
    'sluice_cost_dollars_total',
    'What all attempts have cost, in dollars; those of models without a price are not in it.',
    ['provider', 'model'],
  )
  readonly #limitRefusals = createCounters(
    'sluice_limit_refusals_total',
    'Calls refused by a limit or a budget, by what was reached and by whose it is.',
    ['kind', 'scope'],
  )
  readonly #hedges = createCounters(
    'sluice_hedges_total',
    'Second attempts beside one that was late: won, lost, or failed before the other answered.',
    ['provider', 'model', 'outcome'],
  )
  readonly #jobRuns = createCounters(
    'sluice_job_runs_total',
    'Runs of async jobs, by how they went.',
    ['outcome'],
  )
  readonly #jobWait = createHistograms(
    'sluice_job_wait_seconds',
    'From the submit of an async job to the beginning of a run.',
    [],
    jobSeconds,
  )
  readonly #jobRun = createHistograms(
    'sluice_job_run_seconds',
    'How long runs of async jobs take.',
    ['outcome'],
    jobSeconds,
  )
  readonly #jobsRecovered = createCounters(
    'sluice_jobs_recovered_total',
    'Async jobs taken back from a process that ended: run again, failed as interrupted, failed as poison.',
    ['as'],
  )
  readonly #spansExported = createCounters(
    'sluice_trace_spans_exported_total',
    'Spans that the collector of traces has taken.',
    [],
  )
  readonly #spansDropped = createCounters(
    'sluice_trace_spans_dropped_total',
    'Spans given up: the queue was full, the export failed, or the process ended.',
    ['reason'],
  )
  readonly #jobLeasesLost = createCounters(
    'sluice_job_leases_lost_total',
    'Runs of async jobs that went on after their lease had passed to another node.',
    [],
  )

  constructor(version: string) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    // Shown from the start: a rate over a series that appears with its first event misses that event.
    this.#jobLeasesLost.cell()
    this.#spansExported.cell()
    for (const reason of dropReasons) this.#spansDropped.cell(reason)
    new Gauge({
      name: 'sluice_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.versions.node }, 1)
    this.#reload = new Gauge({
      name: 'sluice_config_reload_success',
      help: 'Whether the last reading of the configuration succeeded.',
      registers,
    })
    this.#reloadAt = new Gauge({
      name: 'sluice_config_reload_timestamp_seconds',
      help: 'When the configuration in force was read.',
      registers,
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  async text(): Promise<string> {
    await this.#lookAtJobs()
    const families = [
      this.#requests,
      this.#duration,
      this.#firstToken,
      this.#overhead,
      this.#attempts,
      this.#tokens,
      this.#cost,
      this.#limitRefusals,
      this.#hedges,
      this.#jobRuns,
      this.#jobWait,
      this.#jobRun,
      this.#jobsRecovered,
      this.#jobLeasesLost,
      this.#spansExported,
      this.#spansDropped,
    ]
    return families.map((family) => family.render()).join('\n') + (await this.#registry.metrics())
  }

  /** Gauges that are read when somebody looks, so that they cost nothing in between. */
  watch(look: () => Signs): void {
    const registers = [this.#registry]
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    }
    gauge('sluice_inflight_requests', 'Calls under way.', () => look().calls)
    gauge('sluice_open_streams', 'Streams under way.', () => look().streams)
    gauge(
      'sluice_breakers_open',
      'Ways to a model, by provider, model and key, that failed of late and are taken out or being tried again.',
      () => look().openBreakers,
    )
    gauge(
      'sluice_strain',
      'What is refused for overload: 0 nothing, 1 async submits, 2 new streams too, 3 every call.',
      () => look().strain,
    )
    new Gauge({
      name: 'sluice_strain_by_sign',
      help: 'The same for each sign of overload by itself: memory, event_loop, descriptors, connections, store.',
      labelNames: ['sign'],
      registers,
      collect() {
        for (const [sign, level] of Object.entries(look().strains)) this.set({ sign }, level)
      },
    })
    gauge('sluice_connections', 'Connections of clients.', () => look().connections)
    gauge(
      'sluice_connections_refused',
      'Connections closed since the start as soon as they came, because there were too many.',
      () => look().refusedConnections,
    )
    gauge(
      'sluice_store_commands_waiting',
      'Commands that the store was given and has not answered yet.',
      () => look().storeCommands,
    )
    gauge(
      'sluice_ledger_waiting',
      'Attempts that are over and not in the ledger yet; with 100,000 of them no call is let in.',
      () => look().ledgerLines,
    )
    gauge(
      'sluice_request_log_lost',
      'Calls since the start that are not in the request log, because it could not be written.',
      () => look().requestLog.lost,
    )
    gauge(
      'sluice_request_log_waiting',
      'Calls that are over and not in the request log yet.',
      () => look().requestLog.waiting,
    )
    gauge(
      'sluice_request_log_bytes',
      'What the request log takes on disk, as of the last minute.',
      () => look().requestLog.bytes,
    )
    gauge(
      'sluice_log_lines_dropped',
      'Log lines given up since the start because nobody read them.',
      () => look().droppedLines,
    )
  }

  /** The same for what has to be asked for; what cannot be told is left out. */
  watchJobs(look: () => Promise<JobCounts>, now: () => number): void {
    const registers = [this.#registry]
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
    const queued = gauge('sluice_jobs_queued', 'Async jobs that wait.')
    const running = gauge('sluice_jobs_running', 'Async jobs being run, on all nodes together.')
    const age = gauge(
      'sluice_job_oldest_queued_seconds',
      'The age of the oldest async job that waits; 0 when none does.',
    )
    this.#lookAtJobs = async () => {
      try {
        const counts = await look()
        queued.set(counts.queued)
        running.set(counts.running)
        age.set(counts.oldestQueuedAt === null ? 0 : (now() - counts.oldestQueuedAt) / 1000)
      } catch {
        // The store is away, which readiness and the log tell: an old number would look like a present one.
        for (const each of [queued, running, age]) each.remove()
      }
    }
  }

  reloaded(good: boolean, now: number): void {
    this.#reload.set(good ? 1 : 0)
    if (good) this.#reloadAt.set(now / 1000)
  }

  settled(call: Call, durationMs: number): void {
    const { attempts } = call
    const last = attempts.at(-1)
    const provider = last?.provider ?? ''
    const model = last ? this.#bounded(last.provider, last.model) : ''
    // The run of a job answers no request; how long jobs take, `jobRan` tells.
    if (call.job?.step !== 'run') this.#countRequest(call, provider, model)
    this.#countRefusal(call)
    if (call.job === null) this.#timeCall(call, provider, durationMs)
    for (const attempt of attempts) {
      const name = attempt === last ? model : this.#bounded(attempt.provider, attempt.model)
      this.#attempts.cell(attempt.provider, name, attempt.error?.code ?? 'ok').value++
      this.#countTokens(attempt, name)
      if (attempt.costNanos)
        this.#cost.cell(attempt.provider, name).value += attempt.costNanos / nanosPerDollar
      if (attempt.role === 'hedge')
        this.#hedges.cell(attempt.provider, name, hedgeOutcomeOf(attempt, call)).value++
    }
  }

  jobRan(outcome: JobOutcome, waitedMs: number, ranMs: number): void {
    this.#jobRuns.cell(outcome).value++
    this.#jobWait.cell().observe(waitedMs / 1000)
    this.#jobRun.cell(outcome).observe(ranMs / 1000)
    if (outcome === 'lost') this.#jobLeasesLost.cell().value++
  }

  jobsRecovered({ requeued, interrupted, poisoned }: Recovered): void {
    this.#jobsRecovered.cell('requeued').value += requeued
    this.#jobsRecovered.cell('interrupted').value += interrupted
    this.#jobsRecovered.cell('poisoned').value += poisoned
  }

  spansExported(spans: number): void {
    this.#spansExported.cell().value += spans
  }

  spansDropped(spans: number, reason: DropReason): void {
    this.#spansDropped.cell(reason).value += spans
  }

  #countRequest(call: Call, provider: string, model: string): void {
    const statusClass = `${Math.floor(call.status / 100)}xx`
    this.#requests.cell(call.surface, provider, model, statusClass, call.error?.code ?? '').value++
  }

  #countRefusal({ error }: Call): void {
    const scope = error?.facts.scope
    if (error && scope) this.#limitRefusals.cell(limitKinds[error.code] ?? '', scope).value++
  }

  #timeCall(call: Call, provider: string, durationMs: number): void {
    const { surface, stream, attempts } = call
    const last = attempts.at(-1)
    this.#duration.cell(surface, provider, stream ? 'true' : 'false').observe(durationMs / 1000)
    if (stream && call.firstTokenMs !== null)
      this.#firstToken.cell(provider).observe((call.firstTokenMs - call.startedMs) / 1000)
    else if (last?.endedMs) {
      const overheadMs = durationMs - waitedMsOf(attempts)
      this.#overhead.cell(surface).observe(Math.max(0, overheadMs) / 1000)
    }
  }

  #countTokens({ usage, provider }: Attempt, model: string): void {
    if (!usage) return
    const estimated = usage.estimated ? 'true' : 'false'
    const count = (type: string, tokens: number): void => {
      if (tokens > 0) this.#tokens.cell(provider, model, type, estimated).value += tokens
    }
    count('input', usage.inputTokens)
    count('output', usage.outputTokens)
    count('cached_input', usage.cachedInputTokens)
    count('reasoning', usage.reasoningTokens)
  }

  /** Callers choose model names, so past a bound the rest share one series. */
  #bounded(provider: string, model: string): string {
    const key = `${provider}/${model}`
    const known = this.#models.get(key)
    if (known !== undefined) return known
    if (this.#models.size >= seriesAtMost) return '_other'
    const shown = redact(model)
    this.#models.set(key, shown)
    return shown
  }
}

const limitKinds: Partial<Record<ErrorCode, string>> = {
  rate_limit_exceeded: 'requests',
  token_limit_exceeded: 'tokens',
  concurrency_exceeded: 'concurrency',
  budget_exceeded: 'budget',
}
