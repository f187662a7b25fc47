import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Credential } from '../credentials/credential.ts'
import type { UpstreamRequest } from '../transport/transport.ts'
import type { Provider } from './snapshot.ts'

/** A request with what lets it in. Throws as `Credential.headersFor`. */
export async function addCredential(
  request: UpstreamRequest,
  credential: Credential,
  { config }: Provider,
  signal: AbortSignal,
): Promise<UpstreamRequest> {
  const { path, headers, body } = request
  const { origin } = new URL(config.baseUrl)
  const added = await credential.headersFor({ origin, path, headers, body }, signal)
  const taken = new Set(headers.filter((_, i) => i % 2 === 0))
  // What is configured for all requests stands: a second one beside it would be refused.
  const missing = added.filter((_, i) => !taken.has(added[i - (i % 2)] as string))
  return { ...request, headers: [...headers, ...missing] }
}

/** Whether the key was refused for a token that is replaced now, so that asking again may help. */
export function hasNewCredential(
  thrown: unknown,
  { credentials }: Provider,
  key: ProviderKeyConfig | null,
): boolean {
  if (!(thrown instanceof GatewayError) || thrown.code !== 'upstream_auth_failed') return false
  // Without a status it was ourselves who got no token.
  if (key === null || thrown.facts.upstreamStatus === undefined) return false
  return credentials.get(key.name)?.refused() ?? false
}
