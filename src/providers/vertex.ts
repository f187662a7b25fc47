import { anthropicMessages } from '../wire/anthropic-messages/dialect.ts'
import { vertexVariant } from '../wire/anthropic-messages/variant.ts'
import { geminiContent } from '../wire/gemini/dialect.ts'
import type { ProviderAdapter } from './adapter.ts'
import { encodePath, geminiMethod } from './gemini.ts'
import { bearer } from './openai.ts'

const google = geminiContent('vertex')
const anthropic = anthropicMessages(vertexVariant)

const isAnthropic = (model: string): boolean =>
  /^(?:publishers\/anthropic\/models\/|anthropic\/)?claude/.test(model)

/**
 * Google Cloud's Vertex AI: Gemini, and Anthropic's models in Anthropic's format. `project` and `location` are
 * settings of the key, whose value is an OAuth token.
 */
export const vertex: ProviderAdapter = {
  type: 'vertex',
  // The location is part of the host: the configuration makes it of the keys.
  defaultBaseUrl: null,
  envKeys: [],
  needsKey: true,
  authorize: bearer,
  chat: {
    path(model, { stream, cloud }) {
      const method = isAnthropic(model) ? anthropicMethod(stream) : geminiMethod(stream)
      return `/${encodePath(resourceOf(model, cloud))}:${method}`
    },
    dialect: (model) => (isAnthropic(model) ? anthropic : google),
    // Google fetches what links lead to, Anthropic's models there do not.
    imagesAsBytes: isAnthropic,
    streamUsage: 'always',
  },
}

const anthropicMethod = (stream: boolean): string => (stream ? 'streamRawPredict' : 'rawPredict')

/** A model's whole resource name stays; endpoints of tuned models and other publishers' models are named in short. */
function resourceOf(model: string, cloud: Readonly<Record<string, string>>): string {
  if (model.startsWith('projects/')) return model
  const place = `projects/${cloud['project'] ?? ''}/locations/${cloud['location'] ?? 'global'}`
  if (/^(publishers|endpoints)\//.test(model)) return `${place}/${model}`
  const [first = '', ...rest] = model.replace(/^models\//, '').split('/')
  const [publisher, name] =
    rest.length > 0 ? [first, rest.join('/')] : [isAnthropic(first) ? 'anthropic' : 'google', first]
  return `${place}/publishers/${publisher}/models/${name}`
}
