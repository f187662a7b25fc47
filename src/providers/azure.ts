import type { ProviderAdapter } from './adapter.ts'

/**
 * Azure OpenAI: the deployment is in the address, the key in `api-key`. Its streams begin with a chunk without
 * choices that carries the content filter's verdict on the prompt; like everything else it passes as it is.
 */
export const azure: ProviderAdapter = {
  type: 'azure',
  defaultBaseUrl: null,
  envKeys: ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'],
  envBaseUrl: 'AZURE_OPENAI_ENDPOINT',
  needsKey: true,
  authorize: (credential) => ({ 'api-key': credential }),
  chat: {
    path(model, { apiVersion, callerApiVersion }) {
      const version = callerApiVersion ?? apiVersion ?? '2024-10-21'
      // The newer form of the same API: no version, and the deployment as the body's model.
      if (apiVersion === 'v1') return '/openai/v1/chat/completions'
      return `/openai/deployments/${encodeURIComponent(model)}/chat/completions?api-version=${encodeURIComponent(version)}`
    },
    streamUsage: 'ask',
  },
}
