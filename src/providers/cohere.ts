import { cohereChat } from '../wire/cohere-chat/dialect.ts'
import type { ProviderAdapter } from './adapter.ts'
import { bearer } from './openai.ts'

/** Cohere, in the second version of its chat. */
export const cohere: ProviderAdapter = {
  type: 'cohere',
  defaultBaseUrl: 'https://api.cohere.com',
  envKeys: ['COHERE_API_KEY', 'CO_API_KEY'],
  needsKey: true,
  authorize: bearer,
  chat: {
    path: () => '/v2/chat',
    dialect: () => cohereChat,
    streamUsage: 'always',
  },
}
