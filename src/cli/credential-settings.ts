import type { ProviderConfig, ProviderKeyConfig } from '../config/config.ts'
import { environmentProxy, isProxyUrl } from '../config/proxy.ts'
import { type CredentialSettings, publicEntraAuthority } from '../credentials/credentials.ts'

/** What a key's credential is opened with. Its token endpoint is reached as the provider is, or as the environment says. */
export function credentialSettings(
  { type, proxy }: ProviderConfig,
  { value, cloud }: ProviderKeyConfig,
  env: Readonly<Record<string, string | undefined>>,
): CredentialSettings {
  const authority = cloud['authority'] ?? publicEntraAuthority
  const found = environmentProxy(authority, env)?.proxy ?? null
  const usable = found !== null && isProxyUrl(found) ? found : null
  return { type, value, settings: cloud, proxy: proxy ?? usable }
}
