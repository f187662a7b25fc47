import type { Headers } from '../../core/dialect.ts'
import {
  type ErrorCode,
  errorTable,
  GatewayError as Failure,
  type GatewayError,
} from '../../core/errors.ts'
import { readRetryAfter } from '../retry-after.ts'
import { isObject, type JsonObject, parseJson } from './json.ts'

const maxMessageBytes = 2048

/** What a provider says went wrong, whatever shape its error has. */
export interface ProviderWords {
  readonly message: string
  readonly type: string | null
  readonly code: string | null
  readonly param: string | null
}

export function decodeError(
  status: number,
  headers: Headers,
  body: Uint8Array,
  now: number,
): GatewayError {
  const words = readWords(parseJson(Buffer.from(body).toString('utf8').trim()))
  const retryAfterMs = readRetryAfter(headers, now)
  return errorOf(status, words, retryAfterMs)
}

/** An error that came inside a 200: what its own code or type says counts as the status. */
export function decodeInnerError(wire: JsonObject): GatewayError {
  const words = readWords(wire)
  return errorOf(innerStatus(wire, words), words, undefined)
}

function errorOf(
  status: number,
  words: ProviderWords | null,
  retryAfterMs: number | undefined,
): GatewayError {
  const code = codeOf(status, words)
  // About our credential or account: the provider's sentence often quotes the key, and is not the caller's business.
  if (code === 'upstream_auth_failed')
    return new Failure(code, `the provider refused the gateway's credential (${status})`, {
      upstreamStatus: status,
    })
  const callers = code === 'upstream_rejected'
  const keepsStatus = callers || (code === 'upstream_error' && keptStatuses.has(status))
  return new Failure(code, words?.message || `the provider answered ${status}`, {
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

function innerStatus(wire: JsonObject, words: ProviderWords | null): number {
  const inner = isObject(wire['error']) ? wire['error'] : wire
  for (const value of [inner['status'], inner['status_code'], inner['code'], wire['code']]) {
    const status = Number(value)
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status
  }
  const kind = `${words?.type ?? ''} ${words?.code ?? ''}`
  if (/rate_?limit|too_many|quota|RESOURCE_EXHAUSTED/i.test(kind)) return 429
  if (/authentication|permission|invalid_api_key/i.test(kind)) return 401
  if (/invalid_request|context_length|content_filter|tool_use_failed|not_found/i.test(kind))
    return 400
  return 502
}

/** Null for what is no JSON or holds no sentence: an HTML page is nobody's error message. */
function readWords(wire: unknown): ProviderWords | null {
  const outer = Array.isArray(wire) ? wire[0] : wire
  if (!isObject(outer)) return null
  const error = outer['error']
  const inner = isObject(error) ? error : outer
  const nested = isObject(inner['message']) ? inner['message'] : {}
  const message =
    firstText(
      inner['message'],
      nested['message'],
      typeof error === 'string' ? error : null,
      outer['message'],
      outer['Message'],
    ) ?? detailText(nested['detail'] ?? inner['detail'] ?? outer['detail'])
  if (message === null) return null
  const raw = isObject(inner['metadata']) ? inner['metadata']['raw'] : null
  return {
    message: typeof raw === 'string' && raw !== '' ? `${message}: ${raw}` : message,
    type: firstText(inner['type'], inner['status'], outer['type']),
    code: textOf(inner['code'] ?? outer['code']),
    param: firstText(inner['param']),
  }
}

/** FastAPI's way: `detail` is a sentence, or a list of places with a sentence each. */
function detailText(detail: unknown): string | null {
  if (typeof detail === 'string' && detail) return detail
  if (!Array.isArray(detail)) return null
  const sentences = detail.filter(isObject).map(({ loc, msg }) => {
    const place = Array.isArray(loc) ? loc.filter((each) => each !== 'body').join('.') : ''
    return place ? `${place}: ${String(msg)}` : String(msg)
  })
  return sentences.length > 0 ? sentences.join('; ') : null
}

const firstText = (...values: readonly unknown[]): string | null => {
  for (const value of values) if (typeof value === 'string' && value.trim() !== '') return value
  return null
}
const textOf = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null

function cut(text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length <= maxMessageBytes
    ? text
    : `${bytes.toString('utf8', 0, maxMessageBytes - 4).replace(/\ufffd+$/, '')}…`
}

/** Types, codes and parameters are words; what is longer is no such thing and only fills the answer. */
const short = (text: string): string => (text.length > 128 ? `${text.slice(0, 127)}…` : text)

const notOurs = new Set([400, 404, 405, 408, 413, 415, 417, 422, 431])

/** The envelope that clients of OpenAI and of the seed's gateway both read. */
function errorEnvelope(error: GatewayError): JsonObject {
  const words = error.facts.upstreamWords
  // Cut only here, like the message: a key that was cut in two before would not be found and concealed.
  const code = short(words?.code ?? error.code)
  const answered = error.facts.upstreamStatus !== undefined
  return {
    error: {
      message: cut(error.message),
      type: short(error.type),
      param: error.facts.param === undefined ? null : short(error.facts.param),
      code,
    },
    is_bifrost_error: !answered && !notOurs.has(error.status),
    status_code: error.status,
    type: errorTable[error.code].outerType ?? code,
    extra_fields: {},
  }
}

export function encodeError(error: GatewayError): Uint8Array {
  return Buffer.from(JSON.stringify(errorEnvelope(error)))
}

/** The frame that tells of a stream's failure once its status is out. No `[DONE]` may follow it. */
export function errorFrame(error: GatewayError): string {
  return `data: ${JSON.stringify(errorEnvelope(error))}\n\n`
}
