import type { Headers } from '../../core/dialect.ts'
import { errorTable, type GatewayError } from '../../core/errors.ts'
import { isObject, type JsonObject, parseJson } from '../json.ts'
import { type ProviderWords, providerError } from '../provider-error.ts'
import { readRetryAfter } from '../retry-after.ts'

const maxMessageBytes = 2048

export function decodeError(
  status: number,
  headers: Headers,
  body: Uint8Array,
  now: number,
): GatewayError {
  const words = readWords(parseJson(Buffer.from(body).toString('utf8').trim()))
  const retryAfterMs = readRetryAfter(headers, now)
  return providerError(status, words, retryAfterMs)
}

/** An error that came inside a 200: what its own code or type says counts as the status. */
export function decodeInnerError(wire: JsonObject): GatewayError {
  const words = readWords(wire)
  return providerError(innerStatus(wire, words), words, undefined)
}

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
  const code = short(words?.code ?? errorTable[error.code].shown ?? error.code)
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
