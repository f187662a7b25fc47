import type { ProviderKeyConfig, TimeoutsConfig } from '../config/config.ts'
import type { Attempt, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { named } from './conceal.ts'
import { type Answered, exchange } from './exchange.ts'
import type { RelayStream } from './relay-stream.ts'
import { readReplyBody, streamOfReply } from './reply-body.ts'
import type { Provider } from './snapshot.ts'
import { buildUpstreamRequest, type CallerExtras } from './upstream-request.ts'
import type { Limits } from './watchdog.ts'

export type Answer =
  | { readonly kind: 'reply'; readonly body: Buffer; readonly headers: Headers }
  /** A stream that came as one piece. */
  | { readonly kind: 'frames'; readonly bytes: Buffer; readonly headers: Headers }
  | {
      readonly kind: 'stream'
      readonly stream: RelayStream
      readonly headers: Headers
      /** To be told how it ended, once. */
      readonly onEnd?: (error: GatewayError | null) => void
    }

/** How long a call waits for one of a provider's connections (`max_concurrency`) before it goes elsewhere. */
const slotMs = 2000

/** What is different where nobody waits on the line. */
export interface JobRun {
  /** Resolves once it is on disk that the provider may be reached from now on; rejects where the run must not go on. */
  beforeDispatch(): Promise<void>
}

export interface AttemptContext {
  readonly call: Call
  readonly look: ChatLook
  readonly extras: CallerExtras
  readonly signal: AbortSignal
  /** Null: a caller waits for the answer. */
  readonly run: JobRun | null
}

/** One way to ask. */
export interface AttemptTarget {
  readonly provider: Provider
  /** The model's name on the provider's side. */
  readonly model: string
  readonly key: ProviderKeyConfig | null
  /** Whether a new connection must be made for it. */
  readonly fresh: boolean
}

export interface AttemptRules {
  readonly maxReplyBytes: number
  readonly refusals: UsageRefusals
  readonly runtime: Runtime
}

/** Providers whose models refused `stream_options` once, so that they are not asked again. Bounded. */
export class UsageRefusals {
  readonly #refused = new Set<string>()

  has(provider: Provider, model: string): boolean {
    return this.#refused.size > 0 && this.#refused.has(`${provider.name}/${model}`)
  }

  note(provider: Provider, model: string): void {
    if (this.#refused.size >= 1000) this.#refused.clear()
    this.#refused.add(`${provider.name}/${model}`)
  }
}

/**
 * Asks one target once. Resolves with the whole reply, or once a stream's first real event is in hand. Rejects with the
 * error as it was met; `named` makes it fit for the caller.
 */
export async function attempt(
  { call, look, extras, signal, run }: AttemptContext,
  { provider, model, key, fresh }: AttemptTarget,
  { maxReplyBytes, refusals, runtime }: AttemptRules,
): Promise<Answer> {
  const { streamUsage, corrections } = provider.adapter.chat
  const refused = look.stream && refusals.has(provider, model)
  const askUsage = look.stream && !look.includeUsage && streamUsage === 'ask' && !refused
  const usage = askUsage ? 'ask' : refused ? 'drop' : 'keep'
  const request = buildUpstreamRequest(look, provider, model, key, extras, usage)
  if (run) await run.beforeDispatch()
  const record: Attempt = {
    provider: provider.name,
    model,
    key: key?.name ?? null,
    startedMs: runtime.clock.monotonic(),
    headMs: null,
    endedMs: null,
    status: null,
    error: null,
  }
  // Who left while the body was looked at has used nothing.
  if (signal.aborted) throw signal.reason
  call.attempts.push(record)
  const answered = await exchange(provider.endpoint, fresh ? { ...request, fresh } : request, {
    stream: look.stream,
    includeUsage: look.includeUsage,
    choices: look.choices,
    corrections,
    explain: (error) => named(error, provider, key),
    // A job would rather wait than fail.
    slotMs: run ? null : slotMs,
    limits: limitsOf(provider.config.timeouts, look.stream, run !== null),
    maxReplyBytes,
    clock: runtime.clock,
    signal,
    attempt: record,
  })
  try {
    return toAnswer(answered, call, look, provider)
  } catch (thrown) {
    record.error = GatewayError.from(thrown)
    throw thrown
  }
}

function toAnswer(answered: Answered, call: Call, look: ChatLook, provider: Provider): Answer {
  const { corrections } = provider.adapter.chat
  const { headers } = answered
  if (answered.kind === 'stream') return { kind: 'stream', stream: answered.stream, headers }
  if (look.stream) {
    const { bytes, usage } = streamOfReply(answered.body, corrections, look.includeUsage)
    call.usage = meant(usage, provider)
    return { kind: 'frames', bytes, headers }
  }
  const { body, usage } = readReplyBody(answered.body, corrections)
  call.usage = meant(usage, provider)
  return { kind: 'reply', body, headers }
}

/** Token counts in OpenAI's meaning, for providers that count reasoning beside the output. */
export function meant(usage: Usage | null, provider: Provider | undefined): Usage | null {
  if (!usage || !provider?.adapter.chat.countsReasoningApart) return usage
  return { ...usage, outputTokens: usage.outputTokens + usage.reasoningTokens }
}

function limitsOf(timeouts: TimeoutsConfig, stream: boolean, job: boolean): Limits {
  const { firstByteMs, firstTokenMs, idleMs, streamTotalMs } = timeouts
  const totalMs = job ? timeouts.jobMs : timeouts.totalMs
  return stream
    ? {
        firstByteMs: firstByteMs ?? 120_000,
        firstTokenMs: firstTokenMs ?? 300_000,
        idleMs,
        totalMs: streamTotalMs,
      }
    : // A provider sends the head of a plain reply only when the whole of it is ready.
      {
        firstByteMs: firstByteMs ?? totalMs,
        firstTokenMs: firstTokenMs ?? totalMs,
        idleMs: Number.POSITIVE_INFINITY,
        totalMs,
      }
}
