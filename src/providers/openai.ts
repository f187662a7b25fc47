import type { ChatOperation, ProviderAdapter } from './adapter.ts'

export const bearer = (credential: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${credential}`,
})

export const openaiChatOperation: ChatOperation = {
  path: () => '/chat/completions',
  streamUsage: 'ask',
}

export const openai: ProviderAdapter = {
  type: 'openai',
  defaultBaseUrl: 'https://api.openai.com/v1',
  envKeys: ['OPENAI_API_KEY'],
  envBaseUrl: 'OPENAI_BASE_URL',
  needsKey: true,
  authorize: bearer,
  chat: openaiChatOperation,
}
