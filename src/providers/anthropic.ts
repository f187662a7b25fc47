import { anthropicMessages } from '../wire/anthropic-messages/dialect.ts'
import type { ProviderAdapter } from './adapter.ts'

const messages = anthropicMessages()

/** Anthropic: one address for plain calls and streams, the model in the body, the version in a header. */
export const anthropic: ProviderAdapter = {
  type: 'anthropic',
  defaultBaseUrl: 'https://api.anthropic.com',
  envKeys: ['ANTHROPIC_API_KEY'],
  envBaseUrl: 'ANTHROPIC_BASE_URL',
  needsKey: true,
  authorize: (credential) => ({ 'x-api-key': credential }),
  chat: {
    path: () => '/v1/messages',
    dialect: () => messages,
    headers: { 'anthropic-version': '2023-06-01' },
    streamUsage: 'always',
  },
}
