import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Call } from '../core/call.ts'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const seriesAtMost = 1000

/** What `/metrics` shows. Labels are bounded: names come from the configuration, errors from the one table. */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests
  readonly #duration
  readonly #firstToken
  readonly #overhead
  readonly #attempts
  readonly #tokens
  readonly #models = new Set<string>()
  readonly #reload
  readonly #reloadAt

  constructor(version: string) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    new Gauge({
      name: 'sluice_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.versions.node }, 1)
    this.#requests = new Counter({
      name: 'sluice_requests_total',
      help: 'Calls settled.',
      labelNames: ['surface', 'provider', 'model', 'status_class', 'error'],
      registers,
    })
    this.#duration = new Histogram({
      name: 'sluice_request_duration_seconds',
      help: 'From the first header to the last byte.',
      labelNames: ['surface', 'provider', 'stream'],
      buckets: seconds,
      registers,
    })
    this.#firstToken = new Histogram({
      name: 'sluice_time_to_first_token_seconds',
      help: 'From the first header to the first event of a stream.',
      labelNames: ['provider'],
      buckets: seconds,
      registers,
    })
    this.#overhead = new Histogram({
      name: 'sluice_overhead_seconds',
      help: 'The time of plain calls less the wait for the provider.',
      labelNames: ['surface'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    })
    this.#attempts = new Counter({
      name: 'sluice_upstream_attempts_total',
      help: 'Requests sent to providers.',
      labelNames: ['provider', 'model', 'outcome'],
      registers,
    })
    this.#tokens = new Counter({
      name: 'sluice_tokens_total',
      help: 'Tokens used; estimated ones where a provider gave no count.',
      labelNames: ['provider', 'model', 'type', 'estimated'],
      registers,
    })
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

  /** Gauges that are read when somebody looks, so that they cost nothing in between. */
  watch(look: () => { calls: number; streams: number; droppedLines: number }): void {
    const registers = [this.registry]
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
      'sluice_log_lines_dropped',
      'Log lines given up since the start because nobody read them.',
      () => look().droppedLines,
    )
  }

  reloaded(good: boolean, now: number): void {
    this.#reload.set(good ? 1 : 0)
    if (good) this.#reloadAt.set(now / 1000)
  }

  settled(call: Call, durationMs: number): void {
    const last = call.attempts.at(-1)
    const provider = last?.provider ?? ''
    const model = last ? this.#bounded(`${last.provider}/${last.model}`, last.model) : ''
    const { surface } = call
    this.#requests.inc({
      surface,
      provider,
      model,
      status_class: `${Math.floor(call.status / 100)}xx`,
      error: call.error?.code ?? '',
    })
    this.#duration.observe({ surface, provider, stream: String(call.stream) }, durationMs / 1000)
    if (call.stream && call.firstTokenMs !== null)
      this.#firstToken.observe({ provider }, (call.firstTokenMs - call.startedMs) / 1000)
    else if (last?.endedMs)
      this.#overhead.observe(
        { surface },
        Math.max(0, durationMs - (last.endedMs - last.startedMs)) / 1000,
      )
    for (const attempt of call.attempts)
      this.#attempts.inc({
        provider: attempt.provider,
        model: this.#bounded(`${attempt.provider}/${attempt.model}`, attempt.model),
        outcome: attempt.error?.code ?? 'ok',
      })
    this.#countTokens(call, provider, model)
  }

  #countTokens({ usage }: Call, provider: string, model: string): void {
    if (!usage) return
    const count = (type: string, tokens: number): void => {
      if (tokens > 0)
        this.#tokens.inc({ provider, model, type, estimated: String(usage.estimated) }, tokens)
    }
    count('input', usage.inputTokens)
    count('output', usage.outputTokens)
    count('cached_input', usage.cachedInputTokens)
    count('reasoning', usage.reasoningTokens)
  }

  /** Callers choose model names, so past a bound the rest share one series. */
  #bounded(key: string, model: string): string {
    if (this.#models.has(key)) return model
    if (this.#models.size >= seriesAtMost) return '_other'
    this.#models.add(key)
    return model
  }
}
