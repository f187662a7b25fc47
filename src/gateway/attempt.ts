import type { TimeoutsConfig } from '../config/config.ts'
import type { Attempt, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Tariff } from '../governance/tariff.ts'
import { childSpanId, withTrace } from '../observability/trace-context.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { addCredential } from './add-credential.ts'
import type { Bookkeeper } from './bookkeeper.ts'
import { imagesFor, type Memory, noImages } from './call-images.ts'
import { type CallKind, wholeMsOf } from './call-time.ts'
import { named } from './conceal.ts'
import { type Answered, exchange } from './exchange.ts'
import type { Form } from './form.ts'
import type { AnswerStream } from './held-stream.ts'
import { prepareRequest, type RequestTarget, requestOf } from './prepare-request.ts'
import type { Provider } from './snapshot.ts'
import type { Translator } from './translator.ts'
import type { CallerExtras, UsageMode } from './upstream-request.ts'
import type { Limits } from './watchdog.ts'

export type Answer =
  | { readonly kind: 'reply'; readonly body: Buffer; readonly headers: Headers }
  /** A stream that came as one piece. */
  | { readonly kind: 'frames'; readonly bytes: Buffer; readonly headers: Headers }
  | {
      readonly kind: 'stream'
      readonly stream: AnswerStream
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
  /** Whether it is asked beside an attempt that is late. */
  readonly hedge: boolean
}

/** One way to ask. */
export interface AttemptTarget extends RequestTarget {
  /** The model as it was asked for. */
  readonly asked: string
  /** Whether a new connection must be made for it. */
  readonly fresh: boolean
  /** Which of the fallbacks it is, from 1; 0: none. */
  readonly fallback: number
}

export interface AttemptRules {
  readonly maxReplyBytes: number
  readonly refusals: UsageRefusals
  readonly runtime: Runtime
  readonly books: Bookkeeper
  readonly memory: Memory
  readonly translator: Translator
  readonly tariff: Tariff
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
  { call, look, extras, signal, run, hedge }: AttemptContext,
  { provider, asked, model, key, fresh, fallback }: AttemptTarget,
  { maxReplyBytes, refusals, runtime, books, memory, translator, tariff }: AttemptRules,
): Promise<Answer> {
  const usage = usageMode(look, provider, refusals.has(provider, model))
  const images = provider.adapter.chat.imagesAsBytes?.(model)
    ? await imagesFor(
        call,
        () => requestOf(look),
        provider,
        { clock: runtime.clock, memory },
        signal,
      )
    : noImages
  const preparing = prepareRequest(look, { provider, model, key }, extras, {
    ...{ usage, runtime, images, translator, signal },
  })
  const prepared = preparing instanceof Promise ? await preparing : preparing
  const { form, dropped } = prepared
  const credential = key && provider.credentials.get(key.name)
  const admitted = credential
    ? await addCredential(prepared.request, credential, provider, signal)
    : prepared.request
  const spanId = call.trace && childSpanId(call.trace, runtime.randomId)
  // After the credential: a signature covers what it was made over.
  const request =
    call.trace && spanId
      ? { ...admitted, headers: withTrace(admitted.headers, call.trace, spanId) }
      : admitted
  const role: Attempt['role'] = hedge ? 'hedge' : call.attempts.length === 0 ? 'first' : 'repeat'
  const way = {
    provider: provider.name,
    type: provider.config.type,
    model: asked,
    upstreamModel: model,
    key: key?.name ?? null,
    role,
  }
  const holding = books.hold(call, way, look, tariff)
  const hold = holding instanceof Promise ? await holding : holding
  try {
    if (run) await run.beforeDispatch()
    // Who left in the meantime has used nothing.
    if (signal.aborted) throw signal.reason
  } catch (thrown) {
    hold.drop()
    throw thrown
  }
  const record: Attempt = {
    role,
    provider: provider.name,
    model,
    key: key?.name ?? null,
    startedMs: runtime.clock.monotonic(),
    sentMs: null,
    headMs: null,
    endedMs: null,
    status: null,
    error: null,
    spanId,
    hold,
    costNanos: null,
    usage: null,
  }
  call.attempts.push(record)
  Object.assign(call, { dropped, fallback })
  const answered = await exchange(provider.endpoint, fresh ? { ...request, fresh } : request, {
    stream: look.stream,
    includeUsage: look.includeUsage,
    choices: look.choices,
    form,
    explain: (error) => named(error, provider, key),
    // A job would rather wait than fail.
    slotMs: run ? null : slotMs,
    limits: limitsOf(
      provider.config.timeouts,
      run ? 'job' : look.stream ? 'stream' : 'plain',
      record.startedMs - call.startedMs,
    ),
    maxReplyBytes,
    clock: runtime.clock,
    signal,
    attempt: record,
  })
  try {
    return toAnswer(answered, record, look, { provider, form })
  } catch (thrown) {
    record.error = GatewayError.from(thrown)
    throw thrown
  }
}

/** `ask`: the caller did not, but metering must know. `drop`: the provider refused the field before. */
function usageMode(look: ChatLook, { adapter }: Provider, refused: boolean): UsageMode {
  if (!look.stream) return 'keep'
  if (refused) return 'drop'
  return adapter.chat.streamUsage === 'ask' && !look.includeUsage ? 'ask' : 'keep'
}

function toAnswer(
  answered: Answered,
  record: Attempt,
  look: ChatLook,
  { provider, form }: { readonly provider: Provider; readonly form: Form },
): Answer {
  const { headers } = answered
  if (answered.kind === 'stream') return { kind: 'stream', stream: answered.stream, headers }
  if (look.stream) {
    const { bytes, usage } = form.replyAsStream(answered.body, look.includeUsage)
    record.usage = meant(usage, provider)
    return { kind: 'frames', bytes, headers }
  }
  const { body, usage } = form.readReply(answered.body)
  record.usage = meant(usage, provider)
  return { kind: 'reply', body, headers }
}

/** Token counts in OpenAI's meaning, for providers that count reasoning beside the output. */
export function meant(usage: Usage | null, provider: Provider | undefined): Usage | null {
  if (!usage || !provider?.adapter.chat.countsReasoningApart) return usage
  return { ...usage, outputTokens: usage.outputTokens + usage.reasoningTokens }
}

/** `spentMs`: what the call has used up of its time already. */
function limitsOf(timeouts: TimeoutsConfig, kind: CallKind, spentMs: number): Limits {
  const { firstByteMs, firstTokenMs, idleMs } = timeouts
  const wholeMs = wholeMsOf(timeouts, kind)
  const totalMs = wholeMs - spentMs
  return kind === 'stream'
    ? {
        firstByteMs: firstByteMs ?? 120_000,
        firstTokenMs: firstTokenMs ?? 300_000,
        idleMs,
        totalMs,
        wholeMs,
      }
    : // A provider sends the head of a plain reply only when the whole of it is ready.
      {
        firstByteMs: firstByteMs ?? totalMs,
        firstTokenMs: firstTokenMs ?? totalMs,
        idleMs: Number.POSITIVE_INFINITY,
        totalMs,
        wholeMs,
      }
}
