import type { Clock } from '../core/runtime.ts'
import { findAwsIdentity } from './aws-identity.ts'
import { type AwsIdentity, signAwsRequests } from './aws-signature.ts'
import { sendBearerToken } from './bearer-token.ts'
import type { Credential } from './credential.ts'
import { fetchEntraToken } from './entra-token.ts'
import { fetchGoogleToken } from './google-token.ts'
import type { LoadPackage } from './optional-package.ts'
import type { Renewing } from './renewing.ts'

/** A key of a provider, checked: the settings are those of the configuration, under their names there. */
export interface CredentialSettings {
  /** Of the provider. */
  readonly type: string
  /** A fixed credential. */
  readonly value: string | null
  readonly settings: Readonly<Record<string, string>>
  /** The way to a token endpoint; null: straight. */
  readonly proxy: string | null
}

interface Opened {
  readonly credential: Credential
  close(): void
}

export const publicEntraAuthority = 'https://login.microsoftonline.com'
const publicEntraScope = 'https://cognitiveservices.azure.com/.default'

/** The credentials in use; a reload keeps those whose settings did not change, with the tokens they hold. */
export class Credentials {
  readonly #clock: Clock
  readonly #load: LoadPackage | undefined
  readonly #opened = new Map<string, Opened>()

  constructor({ clock, load }: { readonly clock: Clock; readonly load?: LoadPackage }) {
    this.#clock = clock
    this.#load = load
  }

  /** Null: a fixed header lets its requests in, or nothing has to. */
  open(settings: CredentialSettings): Credential | null {
    const id = JSON.stringify(settings)
    let opened = this.#opened.get(id) ?? null
    if (!opened) {
      opened = this.#create(settings)
      if (opened) this.#opened.set(id, opened)
    }
    return opened?.credential ?? null
  }

  /** Lets go of those that none of `settings` needs. Calls under way go on with what they have. */
  keepOnly(settings: readonly CredentialSettings[]): void {
    const kept = new Set(settings.map((each) => JSON.stringify(each)))
    for (const id of this.#opened.keys()) if (!kept.has(id)) this.#opened.delete(id)
  }

  close(): void {
    for (const { close } of this.#opened.values()) close()
    this.#opened.clear()
  }

  #create({ type, value, settings, proxy }: CredentialSettings): Opened | null {
    if (value !== null) return null
    if (type === 'bedrock') return this.#aws(settings)
    const clock = this.#clock
    if (type === 'vertex') {
      const file = settings['credentials_file'] ?? null
      return bearer(fetchGoogleToken({ file, clock, load: this.#load }))
    }
    const client = type === 'azure' ? entraClient(settings) : null
    return client && bearer(fetchEntraToken(client, { clock, proxy }))
  }

  #aws(settings: CredentialSettings['settings']): Opened {
    const clock = this.#clock
    const region = settings['region'] ?? ''
    const fixed = awsIdentity(settings)
    if (fixed)
      return { credential: signAwsRequests({ region, identity: fixed, clock }), close: () => {} }
    const profile = settings['profile'] ?? null
    const identity = findAwsIdentity({ region, profile, clock, load: this.#load })
    return closing(signAwsRequests({ region, identity, clock }), identity)
  }
}

const bearer = (tokens: ReturnType<typeof fetchGoogleToken>): Opened =>
  closing(sendBearerToken(tokens), tokens)

const closing = <T>(credential: Credential, source: Renewing<T>): Opened => ({
  credential,
  close: () => source.close(),
})

function awsIdentity(settings: CredentialSettings['settings']): AwsIdentity | null {
  const { access_key_id, secret_access_key, session_token } = settings
  if (access_key_id === undefined || secret_access_key === undefined) return null
  return {
    accessKeyId: access_key_id,
    secretAccessKey: secret_access_key,
    ...(session_token !== undefined && { sessionToken: session_token }),
  }
}

function entraClient(
  settings: CredentialSettings['settings'],
): Parameters<typeof fetchEntraToken>[0] | null {
  const { tenant_id, client_id, client_secret, authority, scope } = settings
  if (tenant_id === undefined || client_id === undefined || client_secret === undefined) return null
  return {
    tenantId: tenant_id,
    clientId: client_id,
    clientSecret: client_secret,
    authority: (authority ?? publicEntraAuthority).replace(/\/+$/, ''),
    scope: scope ?? publicEntraScope,
  }
}
