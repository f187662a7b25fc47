import { type ErrorCode, GatewayError } from '../core/errors.ts'

/** What a provider says went wrong, whatever shape its error has. */
export interface ProviderWords {
  readonly message: string
  readonly type: string | null
  readonly code: string | null
  readonly param: string | null
}

/**
 * The error that a provider's status and words amount to. Null words: it said nothing readable. The only place where an
 * upstream's status number decides.
 */
export function providerError(
  status: number,
  words: ProviderWords | null,
  retryAfterMs: number | undefined,
): GatewayError {
  const code = codeOf(status, words)
  // About our credential or account: the provider's sentence often quotes the key, and is not the caller's business.
  if (code === 'upstream_auth_failed')
    return new GatewayError(code, `the provider refused the gateway's credential (${status})`, {
      upstreamStatus: status,
    })
  const callers = code === 'upstream_rejected'
  const keepsStatus = callers || (code === 'upstream_error' && keptStatuses.has(status))
  return new GatewayError(code, words?.message || `the provider answered ${status}`, {
    upstreamStatus: status,
    inItsWords: words !== null,
    ...(keepsStatus && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(code === 'upstream_rate_limited' && isSpent(words) && { exhausted: true }),
    ...(words?.param && { param: words.param }),
    ...(callers && {
      upstreamWords: {
        type: words?.type ?? 'invalid_request_error',
        code: words?.code ?? null,
      },
    }),
  })
}

const isSpent = (words: ProviderWords | null): boolean =>
  /insufficient_quota|billing|credit/i.test(`${words?.code ?? ''} ${words?.type ?? ''}`)

const keptStatuses = new Set([500, 502, 503, 504])

function codeOf(status: number, words: ProviderWords | null): ErrorCode {
  if (status >= 300 && status < 400) return 'upstream_redirect'
  if (status === 401 || status === 402 || status === 403 || status === 498)
    return 'upstream_auth_failed'
  // Some vendors answer a bad key of ours with a plain 400.
  if (status === 400 && badKey.test(words?.message ?? '')) return 'upstream_auth_failed'
  if (status === 408) return 'upstream_timeout'
  if (status === 429) return 'upstream_rate_limited'
  if (status === 424 || status === 425 || status === 499) return 'upstream_error'
  if (status >= 400 && status < 500) return 'upstream_rejected'
  return status >= 500 ? 'upstream_error' : 'upstream_invalid_response'
}

// Words only in between: a field of the request that is called api_key stands in quotation marks.
const badKey =
  /\b(incorrect|invalid|unknown)\s+(\w+\s+){0,2}(x-)?api[ _-]?key\b|\bapi[ _-]?key\s+(\w+\s+){0,2}(incorrect|invalid|not valid)\b/i
