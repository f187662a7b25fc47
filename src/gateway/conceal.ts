import { secretSettings } from '../config/cloud-keys.ts'
import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Provider } from './snapshot.ts'

/** Who left, the end of the process, what kept a job from being sent, and our own limits: no provider has to do with it. */
const notTheirs: ReadonlySet<string> = new Set([
  'client_closed',
  'gateway_shutdown',
  'job_interrupted',
  'storage_unavailable',
  'budget_exceeded',
  'model_unpriced',
  'rate_limit_exceeded',
  'token_limit_exceeded',
  'concurrency_exceeded',
])

/** Says which provider, and makes sure that nothing of how it is reached gets out. */
export function named(
  error: GatewayError,
  provider: Provider,
  key: ProviderKeyConfig | null,
): GatewayError {
  if (notTheirs.has(error.code)) return error
  const which = error.code === 'upstream_auth_failed' && key ? `, key "${key.name}"` : ''
  const message = error.facts.inItsWords
    ? error.message
    : `Provider "${provider.name}"${which}: ${error.message}`
  const { param, upstreamWords: words } = error.facts
  return new GatewayError(error.code, conceal(message, provider, key), {
    ...error.facts,
    ...(param !== undefined && { param: conceal(param, provider, key) }),
    ...(words && {
      upstreamWords: {
        type: conceal(words.type, provider, key),
        code: words.code === null ? null : conceal(words.code, provider, key),
      },
    }),
  })
}

function conceal(message: string, provider: Provider, key: ProviderKeyConfig | null): string {
  const { config } = provider
  let text = message
  // Configured headers may be credentials as well; what is as short as a word is none.
  for (const secret of [...secretsOf(provider, key), ...Object.values(config.headers)])
    if (secret && secret.length >= 8) text = text.replaceAll(secret, '[key]')
  if (config.baseUrl) {
    const { origin, host, hostname } = new URL(config.baseUrl)
    text = text.replaceAll(origin, '[provider]')
    // A bare name such as "ollama" is a word like any other.
    for (const address of [host, hostname])
      if (/[.:]/.test(address)) text = text.replaceAll(address, '[provider]')
  }
  return text
}

/** What the key's own settings hold, and the tokens they were exchanged for. */
function secretsOf(
  { credentials }: Provider,
  key: ProviderKeyConfig | null,
): readonly (string | null | undefined)[] {
  if (key === null) return []
  return [
    key.value,
    ...secretSettings.map((name) => key.cloud[name]),
    ...(credentials.get(key.name)?.secrets() ?? []),
  ]
}
