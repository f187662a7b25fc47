import { geminiContent } from '../wire/gemini/dialect.ts'
import type { ProviderAdapter } from './adapter.ts'

const dialect = geminiContent('gemini')

/** Google's own API, also called AI Studio. The key goes into a header: in the address it would end in logs. */
export const gemini: ProviderAdapter = {
  type: 'gemini',
  defaultBaseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  envKeys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  needsKey: true,
  authorize: (credential) => ({ 'x-goog-api-key': credential }),
  chat: {
    path: (model, { stream }) => `/${geminiResource(model)}:${geminiMethod(stream)}`,
    dialect: () => dialect,
    streamUsage: 'always',
  },
}

/** Without `alt=sse` a stream would be one JSON list. */
export const geminiMethod = (stream: boolean): string =>
  stream ? 'streamGenerateContent?alt=sse' : 'generateContent'

/** Tuned models stand in a collection of their own. */
function geminiResource(model: string): string {
  const isNamed = /^(models|tunedModels)\//.test(model)
  return encodePath(isNamed ? model : `models/${model}`)
}

/** An `@` is part of many names and stays, as in Google's own clients. */
export const encodePath = (path: string): string =>
  path.split('/').map(encodeURIComponent).join('/').replaceAll('%40', '@')
