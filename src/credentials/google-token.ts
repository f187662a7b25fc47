import { readFile } from 'node:fs/promises'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import type { BearerToken } from './bearer-token.ts'
import { type LoadPackage, loadOptionalPackage } from './optional-package.ts'
import { Renewing } from './renewing.ts'

/** What is used of `google-auth-library`. */
interface AuthPackage {
  readonly GoogleAuth: new (options: {
    readonly scopes: string
  }) => { getClient(): Promise<AuthClient> }
  readonly JWT: new (options: {
    readonly email: unknown
    readonly key: unknown
    readonly keyId: unknown
    readonly scopes: string
  }) => AuthClient
  readonly UserRefreshClient: new () => AuthClient & { fromJSON(file: JsonObject): void }
  readonly ExternalAccountClient: {
    fromJSON(file: JsonObject): (AuthClient & { scopes?: string }) | null
  }
}

interface AuthClient {
  getAccessToken(): Promise<{ readonly token?: string | null }>
  readonly credentials: { readonly expiry_date?: number | null }
  /** Whom the use is counted for, where the token alone does not say. */
  readonly quotaProjectId?: string | undefined
}

const scopes = 'https://www.googleapis.com/auth/cloud-platform'
/** Where the token does not say how long it is good for. */
const unknownMs = 5 * 60_000

/** Tokens from a file of Google Cloud, or by this machine's default credentials. */
export function fetchGoogleToken(options: {
  /** Absolute; null: the default credentials. */
  readonly file: string | null
  readonly clock: Clock
  readonly load?: LoadPackage | undefined
}): Renewing<BearerToken> {
  const { file, clock, load } = options
  return new Renewing({
    clock,
    giver: 'Google',
    async fetch() {
      const library = (await loadOptionalPackage('google-auth-library', load)) as AuthPackage
      // Made anew each time: it would go on with a token that was refused, and with a file that was replaced.
      const client =
        file === null
          ? await new library.GoogleAuth({ scopes }).getClient()
          : clientOf(await readCredentials(file), library)
      const { token } = await client.getAccessToken()
      if (!token) throw failed('Google gave no token')
      const { expiry_date: endsAt } = client.credentials
      const project = client.quotaProjectId
      return {
        value: { token, headers: project ? ['x-goog-user-project', project] : [] },
        lifetimeMs: endsAt ? Math.max(0, endsAt - clock.now()) : unknownMs,
      }
    },
  })
}

async function readCredentials(file: string): Promise<JsonObject> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw failed(`its credentials_file cannot be read (${error.code ?? 'unknown error'})`)
  })
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // The parser's message would quote the file.
  }
  throw failed('its credentials_file is not JSON')
}

/** One by one: what reads any kind of file is deprecated there, for files that come from others. */
function clientOf(file: JsonObject, library: AuthPackage): AuthClient {
  const { type } = file
  if (type === 'service_account') {
    const { client_email: email, private_key: key, private_key_id: keyId } = file
    return new library.JWT({ email, key, keyId, scopes })
  }
  if (type === 'authorized_user') {
    const client = new library.UserRefreshClient()
    client.fromJSON(file)
    return client
  }
  const client = type === 'external_account' ? library.ExternalAccountClient.fromJSON(file) : null
  if (!client)
    throw failed(
      'its credentials_file is of no known type. Use the file of a service account, of a workload identity or of "gcloud auth application-default login"',
    )
  client.scopes = scopes
  return client
}

const failed = (message: string): GatewayError =>
  new GatewayError('upstream_auth_failed', message, { dispatched: false })
