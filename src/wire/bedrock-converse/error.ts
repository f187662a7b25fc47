import type { Headers } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import type { EventStreamFrame } from '../aws-event-stream.ts'
import { isObject, type JsonObject, parseJson } from '../json.ts'
import { type ProviderWords, providerError } from '../provider-error.ts'
import { readRetryAfter } from '../retry-after.ts'

/**
 * The status that a kind of error has, or should have: some come with a 400 that others would call by their name, and
 * in a stream, or in a reply that claims to be fine, there is none at all.
 */
const statuses: Readonly<Record<string, number>> = {
  AccessDeniedException: 403,
  ExpiredToken: 403,
  ExpiredTokenException: 403,
  IncompleteSignature: 403,
  IncompleteSignatureException: 403,
  InvalidSignatureException: 403,
  MissingAuthenticationToken: 403,
  MissingAuthenticationTokenException: 403,
  NotAuthorized: 403,
  UnrecognizedClientException: 403,
  ValidationException: 400,
  ResourceNotFoundException: 404,
  ModelTimeoutException: 408,
  ModelErrorException: 424,
  ModelStreamErrorException: 424,
  ModelNotReadyException: 429,
  ServiceQuotaExceededException: 429,
  ThrottlingException: 429,
  TooManyRequestsException: 429,
  InternalFailure: 500,
  InternalServerException: 500,
  ServiceUnavailableException: 503,
}

export function decodeError(
  status: number,
  headers: Headers,
  body: Uint8Array,
  now: number,
): GatewayError {
  const given = headers['x-amzn-errortype']
  const wire = parseJson(Buffer.from(body).toString('utf8'))
  const words = readWords(wire, typeof given === 'string' ? given : null)
  const known = words?.code ? statuses[words.code] : undefined
  // Only a 400 may mean something else; any other status is what the load balancers and the service agree on.
  return providerError(
    status === 400 ? (known ?? status) : status,
    words,
    readRetryAfter(headers, now),
  )
}

/** The error in a reply that came with a good status; null where it holds none. */
export function errorInside(wire: unknown): GatewayError | null {
  const words = readWords(wire, null)
  return words && providerError(statusOf(words.code), words, undefined)
}

/** The error that a frame of a stream is; null where it is none. */
export function frameError({ headers, payload }: EventStreamFrame): GatewayError | null {
  const kind = headers[':message-type']
  if (kind !== 'exception' && kind !== 'error') return null
  const given = headers[':exception-type'] ?? headers[':error-code'] ?? ''
  const code = kindOf(given) ?? 'InternalServerException'
  const wire = parseJson(payload)
  const message = headers[':error-message'] ?? (isObject(wire) ? messageOf(wire) : '')
  return providerError(statusOf(code), wordsOf(message || code, code), undefined)
}

const statusOf = (code: string | null): number => (code ? (statuses[code] ?? 500) : 500)

function readWords(wire: unknown, given: string | null): ProviderWords | null {
  const body = isObject(wire) ? wire : {}
  const output = isObject(body['Output']) ? body['Output'] : {}
  const code = kindOf(given ?? body['__type'] ?? output['__type'])
  const message = messageOf(body) || messageOf(output)
  return message || code ? wordsOf(message || (code ?? ''), code) : null
}

const wordsOf = (message: string, code: string | null): ProviderWords => ({
  message,
  type: null,
  code,
  param: null,
})

/** `ThrottlingException` of `com.amazon.coral#throttlingException:http://…`. */
function kindOf(given: unknown): string | null {
  if (typeof given !== 'string') return null
  const bare = given.split(':', 1)[0]?.split('#').at(-1)?.trim() ?? ''
  return bare === '' ? null : bare.charAt(0).toUpperCase() + bare.slice(1)
}

function messageOf(wire: JsonObject): string {
  for (const name of ['message', 'Message', 'originalMessage', 'errorMessage'])
    if (typeof wire[name] === 'string' && wire[name] !== '') return wire[name]
  return ''
}

export const makesNoSense = (what: string): GatewayError =>
  new GatewayError('upstream_invalid_response', `The provider sent ${what}`)
