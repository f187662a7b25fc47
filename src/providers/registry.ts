import type { ProviderAdapter } from './adapter.ts'
import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { bedrock } from './bedrock.ts'
import { cohere } from './cohere.ts'
import { compatible } from './compatible.ts'
import { demoModels } from './demo.ts'
import { gemini } from './gemini.ts'
import { openai, openaiChatOperation } from './openai.ts'
import { vertex } from './vertex.ts'

/** Answered by the gateway itself, without network or account. */
const demo: ProviderAdapter = {
  type: 'demo',
  defaultBaseUrl: null,
  envKeys: [],
  needsKey: false,
  authorize: () => ({}),
  chat: openaiChatOperation,
  models: demoModels,
}

/** Every kind of provider there is. */
export const providerTypes: ReadonlyMap<string, ProviderAdapter> = new Map(
  [openai, azure, anthropic, gemini, vertex, bedrock, cohere, ...compatible, demo].map(
    (adapter) => [adapter.type, adapter],
  ),
)
