import type { ProviderKeyConfig, TimeoutsConfig } from '../config/config.ts'
import type { Attempt, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Target } from '../core/route.ts'
import type { Runtime } from '../core/runtime.ts'
import { pickByWeight } from '../routing/plan.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { type Answered, exchange } from './exchange.ts'
import type { RelayStream } from './relay-stream.ts'
import { readReplyBody, streamOfReply } from './reply-body.ts'
import { keysFor, type Provider, type Snapshot, upstreamName } from './snapshot.ts'
import { buildUpstreamRequest, type CallerExtras } from './upstream-request.ts'
import type { Limits } from './watchdog.ts'

export type Answer =
  | { readonly kind: 'reply'; readonly body: Buffer; readonly headers: Headers }
  /** A stream that came as one piece. */
  | { readonly kind: 'frames'; readonly bytes: Buffer; readonly headers: Headers }
  | { readonly kind: 'stream'; readonly stream: RelayStream; readonly headers: Headers }

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

/** A target with all it takes to ask it. */
export interface ReadyTarget {
  readonly provider: Provider
  readonly key: ProviderKeyConfig | null
  /** The model's name on the provider's side. */
  readonly model: string
}

/** Throws `model_not_found` and `invalid_request` for what the target cannot be asked. */
export function prepareTarget(
  target: Target,
  { pinnedKey }: CallerExtras,
  snapshot: Snapshot,
  runtime: Runtime,
): ReadyTarget {
  const provider = snapshot.providers.get(target.provider)
  if (!provider)
    throw new GatewayError('no_healthy_upstream', `Provider "${target.provider}" is gone`)
  const key = chooseKey(provider, target.model, pinnedKey, runtime)
  return { provider, key, model: upstreamName(provider, target.model) }
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
 * The only place that tries again. Resolves with the whole reply, or once a stream's first real event is in hand;
 * from there on nothing is repeated.
 */
export async function runAttempts(
  context: AttemptContext,
  target: ReadyTarget,
  snapshot: Snapshot,
  runtime: Runtime,
  refusals: UsageRefusals,
): Promise<Answer> {
  const { provider, key, model } = target
  for (let asks = 0; ; asks++) {
    try {
      return await attempt(context, target, snapshot, runtime, refusals)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      if (asks > 0 || !refusesUsage(error, context.look)) throw named(error, provider, key)
      refusals.note(provider, model)
    }
  }
}

/**
 * A provider that does not know `stream_options` says so, by name, with a 400 (or 422). Where the caller put more
 * into it than `include_usage`, that may be what is refused, and is the caller's to know.
 */
const refusesUsage = ({ code, message, facts }: GatewayError, look: ChatLook): boolean =>
  look.stream &&
  look.plainStreamOptions &&
  code === 'upstream_rejected' &&
  (facts.upstreamStatus === 400 || facts.upstreamStatus === 422) &&
  /stream_options|include_usage/.test(`${message} ${facts.param ?? ''}`)

function chooseKey(
  provider: Provider,
  model: string,
  pinned: string | null,
  { random }: Runtime,
): ProviderKeyConfig | null {
  const keys = keysFor(provider, model)
  if (pinned !== null) {
    const key = keys?.find(({ name }) => name === pinned)
    if (key) return key
    throw new GatewayError(
      'invalid_request',
      `Provider "${provider.name}" has no key of the name in x-bf-api-key that serves "${model}"`,
      { param: 'x-bf-api-key' },
    )
  }
  if (keys === null) return null
  if (keys.length === 0)
    throw new GatewayError(
      'model_not_found',
      `No key of provider "${provider.name}" serves the model "${model}"`,
      { param: 'model' },
    )
  return pickByWeight(keys, random)
}

async function attempt(
  { call, look, extras, signal, run }: AttemptContext,
  { provider, model, key }: ReadyTarget,
  snapshot: Snapshot,
  runtime: Runtime,
  refusals: UsageRefusals,
): Promise<Answer> {
  const { streamUsage, corrections } = provider.adapter.chat
  const refused = look.stream && refusals.has(provider, model)
  const askUsage = look.stream && !look.includeUsage && streamUsage === 'ask' && !refused
  const request = buildUpstreamRequest(
    look,
    provider,
    model,
    key,
    extras,
    askUsage ? 'ask' : refused ? 'drop' : 'keep',
  )
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
  const answered = await exchange(provider.endpoint, request, {
    stream: look.stream,
    includeUsage: look.includeUsage,
    choices: look.choices,
    corrections,
    explain: (error) => named(error, provider, key),
    limits: limitsOf(provider.config.timeouts, look.stream, run !== null),
    maxReplyBytes: snapshot.config.server.maxReplyBytes,
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

/** Says which provider, and makes sure that nothing of how it is reached gets out. */
function named(
  error: GatewayError,
  provider: Provider,
  key: ProviderKeyConfig | null,
): GatewayError {
  if (error.code === 'client_closed' || error.code === 'gateway_shutdown') return error
  const which = error.code === 'upstream_auth_failed' && key ? `, key "${key.name}"` : ''
  const message = error.facts.inItsWords
    ? error.message
    : `Provider "${provider.name}"${which}: ${error.message}`
  const { param, upstreamWords: words } = error.facts
  return new GatewayError(error.code, conceal(message, provider, key), {
    ...error.facts,
    ...(param !== undefined && { param: conceal(param, provider, key) }),
    ...(words && {
      upstreamWords: {
        type: conceal(words.type, provider, key),
        code: words.code === null ? null : conceal(words.code, provider, key),
      },
    }),
  })
}

function conceal(message: string, { config }: Provider, key: ProviderKeyConfig | null): string {
  let text = message
  // Configured headers may be credentials as well; what is as short as a word is none.
  for (const secret of [key?.value, ...Object.values(config.headers)])
    if (secret && secret.length >= 8) text = text.replaceAll(secret, '[key]')
  if (config.baseUrl) {
    const { origin, host, hostname } = new URL(config.baseUrl)
    text = text.replaceAll(origin, '[provider]')
    // A bare name such as "ollama" is a word like any other.
    for (const address of [host, hostname])
      if (/[.:]/.test(address)) text = text.replaceAll(address, '[provider]')
  }
  return text
}
