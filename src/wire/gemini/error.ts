import type { Headers } from '../../core/dialect.ts'
import type { GatewayError } from '../../core/errors.ts'
import { isObject, type JsonObject, listOf, parseJson } from '../json.ts'
import { type ProviderWords, providerError } from '../provider-error.ts'
import { readRetryAfter } from '../retry-after.ts'

const statuses: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
}
const badKeyReasons = new Set(['API_KEY_INVALID', 'API_KEY_EXPIRED', 'API_KEY_SERVICE_BLOCKED'])
const dayMs = 24 * 60 * 60 * 1000

interface GoogleError {
  readonly words: ProviderWords
  readonly status: number | null
  readonly isBadKey: boolean
  readonly retryAfterMs: number | undefined
}

/** A failed reply. Google asks to wait in the body, never in a header. */
export function decodeError(
  status: number,
  headers: Headers,
  body: Uint8Array,
  now: number,
): GatewayError {
  const error = readError(parseJson(Buffer.from(body).toString('utf8').trim()))
  const retryAfterMs = error?.retryAfterMs ?? readRetryAfter(headers, now)
  return providerError(error?.isBadKey ? 401 : status, error?.words ?? null, retryAfterMs)
}

/** An error that came inside a 200, which says by itself what status it would have had. */
export function decodeInnerError(wire: JsonObject): GatewayError {
  const error = readError(wire)
  const status = error?.isBadKey ? 401 : (error?.status ?? 502)
  return providerError(status, error?.words ?? null, error?.retryAfterMs)
}

/** Null for what is no JSON or holds no sentence. A failed stream is a list of one. */
function readError(wire: unknown): GoogleError | null {
  const outer = Array.isArray(wire) ? wire[0] : wire
  if (!isObject(outer)) return null
  const inner = outer['error']
  const error = isObject(inner) ? inner : outer
  // The sign-in service has a form of its own: a word, and a sentence beside it.
  const message = [error['message'], outer['error_description'], inner].find(isText)
  if (!isText(message)) return null
  const details = listOf(error['details']).filter(isObject)
  const kind = isText(error['status']) ? error['status'] : null
  const reason = details.map((detail) => detail['reason']).find(isText)
  return {
    words: {
      message,
      type: kind,
      code: isSpentForToday(details) ? 'insufficient_quota' : (reason ?? kind),
      param: fieldOf(details),
    },
    status: statusOf(error['code'], kind),
    isBadKey: reason !== undefined && badKeyReasons.has(reason),
    retryAfterMs: delayOf(details),
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

function statusOf(code: unknown, kind: string | null): number | null {
  if (typeof code === 'number' && code >= 400 && code <= 599) return code
  return kind !== null && Object.hasOwn(statuses, kind) ? (statuses[kind] as number) : null
}

function fieldOf(details: readonly JsonObject[]): string | null {
  for (const detail of details)
    for (const violation of listOf(detail['fieldViolations']))
      if (isObject(violation) && isText(violation['field'])) return violation['field']
  return null
}

/** `RetryInfo`: a number of seconds with an `s` behind it, or its parts. */
function delayOf(details: readonly JsonObject[]): number | undefined {
  for (const { retryDelay } of details) {
    const seconds =
      typeof retryDelay === 'string' && /^\d+(\.\d+)?s$/.test(retryDelay)
        ? Number(retryDelay.slice(0, -1))
        : isObject(retryDelay)
          ? Number(retryDelay['seconds'] ?? 0) + Number(retryDelay['nanos'] ?? 0) / 1e9
          : 0
    const ms = Math.ceil(seconds * 1000)
    if (ms > 0 && ms <= dayMs) return ms
  }
  return undefined
}

/** The delay it asks for is short even then. */
const isSpentForToday = (details: readonly JsonObject[]): boolean =>
  details.some((detail) =>
    listOf(detail['violations']).some(
      (violation) => isObject(violation) && /PerDay/.test(String(violation['quotaId'] ?? '')),
    ),
  )
