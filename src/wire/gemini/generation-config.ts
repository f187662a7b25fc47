import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject, listOf } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { readParameters } from '../translate/parameters.ts'
import { camelCase, camelKeys } from './camel-keys.ts'
import type { GeminiApi, ModelTraits } from './model-traits.ts'
import { encodeThinking } from './thinking.ts'

const names: Readonly<Record<string, string>> = {
  n: 'candidateCount',
  seed: 'seed',
  stop: 'stopSequences',
  temperature: 'temperature',
  top_p: 'topP',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
  logprobs: 'responseLogprobs',
  top_logprobs: 'logprobs',
}
const supported: ReadonlySet<string> = new Set([
  ...Object.keys(names),
  'reasoning_effort',
  'modalities',
  'audio',
  'web_search_options',
])
/** Values that ask for what happens anyway, and that some models refuse all the same. */
const isDefault = (name: string, value: unknown): boolean =>
  name === 'n'
    ? value === 1
    : name === 'stop'
      ? listOf(value).length === 0
      : /penalty$|logprobs$/.test(name) && !value
const supportedByGemini: ReadonlySet<string> = new Set([...supported, 'service_tier'])
const serviceTiers: Readonly<Record<string, string>> = {
  default: 'standard',
  flex: 'flex',
  priority: 'priority',
}

// Gemini's own words, by where they stand in its request.
const ownInConfig = ['top_k', 'media_resolution', 'speech_config', 'image_config']
const ownBeside = ['safety_settings', 'cached_content']
const ownOfVertex = ['labels', 'model_armor_config']
const ownRead = ['generation_config', 'thinking_config', 'tool_config']
/** How Google's own OpenAI endpoint is told the same. */
const wrappers = ['google', 'extra_body']

function ownNames(api: GeminiApi): ReadonlySet<string> {
  const own = [...ownInConfig, ...ownBeside, ...ownRead, ...(api === 'vertex' ? ownOfVertex : [])]
  return new Set([...own, ...own.map(camelCase), ...wrappers])
}
const ownByApi = { gemini: ownNames('gemini'), vertex: ownNames('vertex') }

export interface EncodedParameters {
  readonly generationConfig: JsonObject
  /** Fields of the request itself. */
  readonly beside: JsonObject
  /** To be merged into the request's `toolConfig`. */
  readonly toolConfig: JsonObject
  readonly isSearchAsked: boolean
}

export function encodeParameters(
  request: ChatRequest,
  api: GeminiApi,
  traits: ModelTraits,
  omissions: Omissions,
): EncodedParameters {
  const allSupported = api === 'gemini' ? supportedByGemini : supported
  const { known, own: given } = readParameters(request, allSupported, ownByApi[api], omissions)
  const own = unwrap(given, ownByApi[api], omissions)
  const thinking = encodeThinking(
    known['reasoning_effort'],
    own['thinkingConfig'],
    traits,
    omissions,
  )
  const config: Record<string, unknown> = {
    ...(request.maxTokens && { maxOutputTokens: request.maxTokens.tokens }),
  }
  for (const [name, value] of Object.entries(known)) {
    const theirs = Object.hasOwn(names, name) ? names[name] : undefined
    if (theirs !== undefined && !isDefault(name, value)) config[theirs] = value
  }
  Object.assign(config, encodeModalities(known, traits, omissions))
  for (const name of ownInConfig.map(camelCase)) if (name in own) config[name] = own[name]
  if (thinking) config['thinkingConfig'] = thinking
  const tier = encodeTier(known['service_tier'], omissions)
  const beside = [...ownBeside, ...ownOfVertex].map(camelCase).filter((name) => name in own)
  return {
    // Last, since who says it in Gemini's own words means it.
    generationConfig: { ...config, ...camelKeys(own['generationConfig']) },
    beside: {
      ...(tier && { serviceTier: tier }),
      ...Object.fromEntries(beside.map((name) => [name, own[name]])),
    },
    toolConfig: camelKeys(own['toolConfig']),
    isSearchAsked: isSearchAsked(known['web_search_options'], omissions),
  }
}

function encodeTier(tier: unknown, omissions: Omissions): string | null {
  if (typeof tier !== 'string' || tier === 'auto') return null
  if (Object.hasOwn(serviceTiers, tier)) return serviceTiers[tier] as string
  omissions.drop('service_tier')
  return null
}

/** In camel case; what stands inside `google` and `extra_body.google` beside what stands at the top. */
function unwrap(given: JsonObject, own: ReadonlySet<string>, omissions: Omissions): JsonObject {
  const { google, extra_body: body, ...top } = given
  const inner = isObject(body) && isObject(body['google']) ? body['google'] : {}
  if (isObject(body))
    for (const name of Object.keys(body))
      if (name !== 'google') omissions.drop(`extra_body.${name}`)
  const wrapped: JsonObject = { ...inner, ...(isObject(google) && google) }
  const kept = Object.entries(wrapped).filter(([name]) => {
    if (!own.has(name)) omissions.drop(`google.${name}`)
    return own.has(name)
  })
  return camelKeys({ ...Object.fromEntries(kept), ...top })
}

function encodeModalities(
  { modalities, audio }: JsonObject,
  { isSpeech }: ModelTraits,
  omissions: Omissions,
): JsonObject {
  const kinds = listOf(modalities).map((each) => String(each).toUpperCase())
  const { voice, format } = isObject(audio) ? audio : {}
  if (format !== undefined && format !== 'pcm16')
    omissions.refuse('audio.format', 'It speaks in raw samples: use "pcm16".')
  return {
    // A model that only speaks refuses to be asked for text as well.
    ...(kinds.length > 0 && {
      responseModalities: isSpeech && kinds.includes('AUDIO') ? ['AUDIO'] : kinds,
    }),
    ...(typeof voice === 'string' && {
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } },
    }),
  }
}

function isSearchAsked(options: unknown, omissions: Omissions): boolean {
  if (!isObject(options)) return false
  const { user_location: location, search_context_size: size } = options
  if (location != null)
    omissions.refuse('web_search_options.user_location', 'Say in the prompt where the user is.')
  if (size != null && size !== 'medium')
    omissions.refuse('web_search_options.search_context_size', 'It searches as it sees fit.')
  return true
}
