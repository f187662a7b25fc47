import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Provider } from './snapshot.ts'

/** Who left, the end of the process, and what kept a job from being sent: no provider has to do with it. */
const notTheirs: ReadonlySet<string> = new Set([
  'client_closed',
  'gateway_shutdown',
  'job_interrupted',
  'storage_unavailable',
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

function conceal(message: string, { config }: Provider, key: ProviderKeyConfig | null): string {
  let text = message
  // Configured headers may be credentials as well; what is as short as a word is none.
  for (const secret of [key?.value, ...Object.values(config.headers)])
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
