import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { isObject, type JsonObject } from '../wire/json.ts'
import type { BearerToken } from './bearer-token.ts'
import { type Lease, Renewing } from './renewing.ts'
import { postForm } from './token-endpoint.ts'

export interface EntraClient {
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  /** Without a slash at its end; other clouds than the public one have their own. */
  readonly authority: string
  readonly scope: string
}

/** Tokens of Microsoft Entra by an application's own credentials. */
export function fetchEntraToken(
  client: EntraClient,
  { clock, proxy }: { readonly clock: Clock; readonly proxy: string | null },
): Renewing<BearerToken> {
  const { authority, tenantId, clientId, clientSecret, scope } = client
  const url = `${authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`
  const form = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    scope,
  }
  return new Renewing({
    clock,
    giver: 'Microsoft Entra',
    async fetch(signal) {
      const { status, body } = await postForm({ url, form, proxy }, signal)
      return readToken(status, parsed(body))
    },
  })
}

function parsed(body: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(body.toString())
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Lifetimes come as numbers, and from older endpoints as text. */
function readToken(status: number, answer: JsonObject): Lease<BearerToken> {
  if (status !== 200) throw refusal(status, answer)
  const token = answer['access_token']
  const seconds = Number(answer['expires_in'])
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || !(seconds > 0))
    throw new GatewayError('upstream_auth_failed', 'Microsoft Entra answered without a token', {
      dispatched: false,
    })
  return { value: { token }, lifetimeMs: seconds * 1000 }
}

/** Of its long description only the number is told: it says what to look up, and repeats nothing that was sent. */
function refusal(status: number, answer: JsonObject): GatewayError {
  const { error, error_description: description } = answer
  const said = [
    typeof error === 'string' && /^[a-z_]{1,60}$/.test(error) ? error : `status ${status}`,
    ...(/\bAADSTS\d{1,9}\b/.exec(String(description)) ?? []),
  ].join(', ')
  return status === 429 || status >= 500
    ? new GatewayError('upstream_unreachable', `Microsoft Entra gives no token now (${said})`, {
        dispatched: false,
      })
    : new GatewayError(
        'upstream_auth_failed',
        `Microsoft Entra refused the application's credentials (${said}). Check tenant_id, client_id and client_secret of the key`,
        { dispatched: false },
      )
}
