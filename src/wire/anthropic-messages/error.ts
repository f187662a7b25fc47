import type { Headers } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import { isObject, type JsonObject, parseJson } from '../json.ts'
import { type ProviderWords, providerError } from '../provider-error.ts'
import { readRetryAfter } from '../retry-after.ts'

export function decodeError(
  status: number,
  headers: Headers,
  body: Uint8Array,
  now: number,
): GatewayError {
  const parsed = parseJson(Buffer.from(body).toString('utf8').trim())
  // Clouds put their own error into a list.
  const words = readWords(Array.isArray(parsed) ? parsed[0] : parsed)
  return providerError(isSpent(status, words) ? 402 : status, words, readRetryAfter(headers, now))
}

/** An error in the place of an answer, or in the middle of one: its type says what the status would have. */
export function decodeInnerError(wire: JsonObject): GatewayError {
  const words = readWords(wire)
  return providerError(statuses.get(words?.type ?? '') ?? 502, words, undefined)
}

const statuses: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['api_error', 500],
  ['overloaded_error', 529],
  ['timeout_error', 504],
])

/** An empty account is told as if the request were wrong, and is no fault of the caller's. */
const isSpent = (status: number, words: ProviderWords | null): boolean =>
  status === 400 && /\bcredit balance is too low\b/i.test(words?.message ?? '')

/** Null for what holds no sentence. */
function readWords(wire: unknown): ProviderWords | null {
  if (!isObject(wire)) return null
  const error = isObject(wire['error']) ? wire['error'] : wire
  const message = error['message'] ?? wire['message'] ?? wire['Message'] ?? wire['error']
  if (typeof message !== 'string' || message === '') return null
  const type = error['type'] ?? error['status']
  return { message, type: typeof type === 'string' ? type : null, code: null, param: null }
}

export const unreadable = (message: string): GatewayError =>
  new GatewayError('upstream_invalid_response', message)
