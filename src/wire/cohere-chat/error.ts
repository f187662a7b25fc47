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
  const words = readWords(parseJson(Buffer.from(body).toString('utf8').trim()))
  return providerError(status, words, readRetryAfter(headers, now))
}

/** A failure that came inside a 200. */
export function innerError(wire: JsonObject, fallback: string): GatewayError {
  const given = Number(wire['status_code'] ?? wire['status'])
  const status = Number.isInteger(given) && given >= 400 && given <= 599 ? given : 502
  const words = readWords(wire)
  return providerError(
    status,
    words ?? { message: fallback, type: null, code: null, param: null },
    undefined,
  )
}

export const invalid = (message: string): GatewayError =>
  new GatewayError('upstream_invalid_response', message, { dispatched: true })

/** `{id, message, error_type}`; the proxies before it have `{error: {message}}` and `{error: "…"}`. */
function readWords(wire: unknown): ProviderWords | null {
  if (!isObject(wire)) return null
  const error = wire['error']
  const inner = isObject(error) ? error : wire
  const message = [inner['message'], error, wire['message']].find(
    (each): each is string => typeof each === 'string' && each.trim() !== '',
  )
  if (message === undefined) return null
  const type = inner['error_type'] ?? wire['error_type']
  const word = typeof type === 'string' && type !== '' ? type : null
  return { message, type: null, code: word, param: null }
}
