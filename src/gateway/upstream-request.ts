import type { ProviderKeyConfig } from '../config/config.ts'
import type { UpstreamRequest } from '../transport/transport.ts'
import { isObject } from '../wire/json.ts'
import { readField } from '../wire/json-scan.ts'
import { type JsonEdit, spliceJson } from '../wire/json-splice.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import type { Provider } from './snapshot.ts'

/** What a caller sends along besides its body. */
export interface CallerExtras {
  /** `openai-beta` and the `x-bf-eh-*` it may use, under the names they go out with; null where there are none. */
  readonly headers: Readonly<Record<string, string>> | null
  readonly apiVersion: string | null
  /** The provider key to use, by name; null leaves the choice to the gateway. */
  readonly pinnedKey: string | null
  /** The keys the caller may be served with, as `provider/key`; absent: all. */
  readonly allowedKeys?: readonly string[]
  /** Calls of one session go to the same target and key, as far as they can; null: each goes by chance. */
  readonly session: string | null
}

/** What happens to `stream_options`. */
export type UsageMode = 'ask' | 'keep' | 'drop'

/** Built from configuration and checked values, never copied from the caller's request. */
export function buildUpstreamRequest(
  look: ChatLook,
  provider: Provider,
  model: string,
  key: ProviderKeyConfig | null,
  extras: CallerExtras,
  usage: UsageMode,
): UpstreamRequest {
  const { adapter } = provider
  const edits = [...modelEdits(look, provider, model), ...usageEdits(look, usage)]
  if (look.fields.has('fallbacks')) edits.push({ name: 'fallbacks', remove: true })
  if (adapter.chat.edits) edits.push(...adapter.chat.edits(look))
  return {
    path: pathFor(provider, model, key, look.stream, extras),
    headers: headersFor(provider, key, look.stream, extras.headers),
    body: edits.length === 0 ? look.bytes : spliceJson(look.bytes, look.fields, edits),
  }
}

/** Behind the provider's origin. */
export function pathFor(
  { adapter, basePath, config }: Provider,
  model: string,
  key: ProviderKeyConfig | null,
  stream: boolean,
  extras: CallerExtras,
): string {
  const path = adapter.chat.path(model, {
    apiVersion: config.apiVersion,
    callerApiVersion: extras.apiVersion,
    stream,
    cloud: key?.cloud ?? {},
  })
  return basePath + path
}

/** Compiled once for each key: a call that brings nothing of its own costs no copy. */
export function headersFor(
  { adapter, config, headerSets }: Provider,
  key: ProviderKeyConfig | null,
  stream: boolean,
  own: CallerExtras['headers'],
): readonly string[] {
  const set = `${stream ? 'stream' : 'plain'} ${key?.name ?? ''}`
  let compiled = headerSets.get(set)
  if (!compiled) {
    compiled = Object.entries({
      'content-type': 'application/json',
      accept: stream ? 'text/event-stream' : 'application/json',
      // An encoded stream arrives in lumps, and decoding costs more than the bytes saved.
      'accept-encoding': 'identity',
      'user-agent': 'sluice',
      ...adapter.chat.headers,
      ...config.headers,
      ...(key?.value && adapter.authorize(key.value)),
    }).flat()
    headerSets.set(set, compiled)
  }
  if (own === null) return compiled
  const taken = compiled.filter((_, i) => i % 2 === 0)
  return [
    ...compiled,
    ...Object.entries(own)
      .filter(([name]) => !taken.includes(name))
      .flat(),
  ]
}

function modelEdits(look: ChatLook, { config }: Provider, model: string): JsonEdit[] {
  if (look.model === model) return []
  // In Azure's older form the address alone names the deployment, and a body without a model stays so.
  const inAddress = config.type === 'azure' && config.apiVersion !== 'v1'
  if (look.model === null && inAddress) return []
  return [{ name: 'model', value: JSON.stringify(model) }]
}

function usageEdits(look: ChatLook, usage: UsageMode): JsonEdit[] {
  if (usage === 'keep') return []
  if (usage === 'drop') return [{ name: 'stream_options', remove: true }]
  const field = look.fields.get('stream_options')
  const given = field ? readField(look.bytes, field) : null
  return [
    {
      name: 'stream_options',
      value: JSON.stringify({ ...(isObject(given) && given), include_usage: true }),
    },
  ]
}
