import type { ProviderKeyConfig } from '../config/config.ts'
import type { ChatRequest } from '../core/chat.ts'
import type { EncodedRequest, FetchedImages } from '../core/dialect.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ChatDialect } from '../providers/adapter.ts'
import type { UpstreamRequest } from '../transport/transport.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { noImages } from './call-images.ts'
import { type Form, relayed, translated } from './form.ts'
import type { Provider } from './snapshot.ts'
import type { Translator } from './translator.ts'
import {
  buildUpstreamRequest,
  type CallerExtras,
  headersFor,
  pathFor,
  type UsageMode,
} from './upstream-request.ts'

export interface RequestTarget {
  readonly provider: Provider
  /** The model's name on the provider's side. */
  readonly model: string
  readonly key: ProviderKeyConfig | null
}

export interface Prepared {
  readonly request: UpstreamRequest
  readonly form: Form
  /** Parameters that were left out. */
  readonly dropped: readonly string[]
}

export interface PrepareRules {
  readonly usage: UsageMode
  readonly runtime: Runtime
  readonly images: FetchedImages
  readonly translator: Translator
  readonly signal: AbortSignal
}

/** From here on reading and saying it anew would be felt by all others. */
const largeBytes = 1024 * 1024

const nothing: readonly string[] = []

/** What goes out to a target, and how what comes back is read. Throws `unsupported_parameter`. */
export function prepareRequest(
  look: ChatLook,
  target: RequestTarget,
  extras: CallerExtras,
  rules: PrepareRules,
): Prepared | Promise<Prepared> {
  const { provider, model, key } = target
  const { corrections } = provider.adapter.chat
  const dialect = provider.adapter.chat.dialect?.(model)
  if (dialect) {
    const { dropUnsupported } = provider.config
    const options = { model, dropUnsupported, images: rules.images }
    const finish = (encoded: EncodedRequest): Prepared =>
      prepareTranslated(dialect, encoded, look, target, extras, rules.runtime)
    if (look.bytes.length + sizeOf(rules.images) < largeBytes)
      return finish(dialect.encodeRequest(requestOf(look), options))
    const translation = { type: provider.config.type, body: look.bytes, options }
    return rules.translator.encode(translation, rules.signal).then(finish)
  }
  const request = buildUpstreamRequest(look, provider, model, key, extras, rules.usage)
  return { request, form: relayed(corrections), dropped: nothing }
}

function prepareTranslated(
  dialect: ChatDialect,
  { body, answerTool, dropped, headers: own }: EncodedRequest,
  look: ChatLook,
  { provider, model, key }: RequestTarget,
  extras: CallerExtras,
  runtime: Runtime,
): Prepared {
  const headers = headersFor(provider, key, look.stream, extras.headers)
  const request = {
    path: pathFor(provider, model, key, look.stream, extras),
    headers: own ? joined(headers, own) : headers,
    body,
  }
  const form = translated(dialect, {
    model,
    createdAt: Math.floor(runtime.clock.now() / 1000),
    newId: runtime.newId,
    answerTool,
  })
  return { request, form, dropped }
}

function sizeOf(images: FetchedImages): number {
  let bytes = 0
  for (const { base64 } of images.values()) bytes += base64.length
  return bytes
}

/** Rejects with `unsupported_parameter` for what the target could not be told, without asking it. */
export async function checkSayable(
  { provider, model }: Pick<RequestTarget, 'provider' | 'model'>,
  look: ChatLook,
  translator: Translator,
): Promise<void> {
  const { dropUnsupported, fetchImages } = provider.config
  // Links that are fetched later cannot be said yet.
  if (provider.adapter.chat.imagesAsBytes?.(model) && fetchImages) return
  const dialect = provider.adapter.chat.dialect?.(model)
  if (!dialect) return
  const options = { model, dropUnsupported, images: noImages }
  if (look.bytes.length < largeBytes) dialect.encodeRequest(requestOf(look), options)
  else await translator.encode({ type: provider.config.type, body: look.bytes, options })
}

/** Read once for all targets of a call. */
const readRequests = new WeakMap<ChatLook, ChatRequest>()

export function requestOf(look: ChatLook): ChatRequest {
  const known = readRequests.get(look)
  if (known) return known
  const request = openaiChat.request.decode(look.bytes)
  readRequests.set(look, request)
  return request
}

/** A header that the caller, or the configuration, sends as well becomes a list of both. */
function joined(
  headers: readonly string[],
  own: Readonly<Record<string, string>>,
): readonly string[] {
  const all = [...headers]
  for (const [name, value] of Object.entries(own)) {
    const at = all.findIndex((each, i) => i % 2 === 0 && each === name)
    if (at < 0) all.push(name, value)
    else all[at + 1] = `${all[at + 1]}, ${value}`
  }
  return all
}
