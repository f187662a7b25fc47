import type { ScopeKind } from './allowance.ts'

interface ErrorSpec {
  readonly status: number
  /** OpenAI's word, `error.type`. */
  readonly type: string
  /** The word at the top level of the envelope where it is not the code: clients of the seed's gateway test for it. */
  readonly outerType?: string
  /** `error.code` where it is not our own word. */
  readonly shown?: string
  /** True where only waiting helps and nothing was billed; SDKs read it as `x-should-retry`. */
  readonly shouldRetry?: true
}

export type ErrorCode =
  | 'invalid_json'
  | 'invalid_encoding'
  | 'duplicate_key'
  | 'too_deep'
  | 'invalid_request'
  | 'unsupported_parameter'
  | 'virtual_key_required'
  | 'invalid_api_key'
  | 'budget_exceeded'
  | 'model_unpriced'
  | 'key_disabled'
  | 'model_not_allowed'
  | 'forbidden'
  | 'model_not_found'
  | 'unknown_route'
  | 'job_not_found'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'job_terminal'
  | 'job_cancelled'
  | 'managed_by_file'
  | 'name_taken'
  | 'in_use'
  | 'version_conflict'
  | 'request_too_large'
  | 'unsupported_media_type'
  | 'unsupported_encoding'
  | 'expectation_failed'
  | 'idempotency_key_reuse'
  | 'headers_too_large'
  | 'rate_limit_exceeded'
  | 'token_limit_exceeded'
  | 'concurrency_exceeded'
  | 'async_queue_full'
  | 'login_throttled'
  | 'upstream_rate_limited'
  | 'client_closed'
  | 'outrun'
  | 'internal_error'
  | 'job_interrupted'
  | 'poison'
  | 'key_revoked'
  | 'result_too_large'
  | 'result_not_stored'
  | 'upstream_error'
  | 'upstream_rejected'
  | 'upstream_unreachable'
  | 'upstream_tls_error'
  | 'upstream_invalid_response'
  | 'upstream_redirect'
  | 'upstream_auth_failed'
  | 'upstream_stream_truncated'
  | 'upstream_timeout'
  | 'overloaded'
  | 'storage_unavailable'
  | 'no_healthy_upstream'
  | 'gateway_shutdown'

const callers = { type: 'invalid_request_error' } as const
const provider = { type: 'upstream_error' } as const
const ours = { type: 'server_error', shouldRetry: true } as const

// The union is written out so that this record must name every code, and only those.
export const errorTable: Readonly<Record<ErrorCode, ErrorSpec>> = {
  invalid_json: { status: 400, ...callers },
  invalid_encoding: { status: 400, ...callers },
  duplicate_key: { status: 400, ...callers },
  too_deep: { status: 400, ...callers },
  invalid_request: { status: 400, ...callers },
  unsupported_parameter: { status: 400, ...callers },
  virtual_key_required: { status: 401, ...callers },
  invalid_api_key: { status: 401, ...callers, outerType: 'virtual_key_not_found' },
  budget_exceeded: { status: 402, type: 'insufficient_quota' },
  model_unpriced: { status: 403, type: 'permission_error' },
  key_disabled: {
    status: 403,
    type: 'permission_error',
    outerType: 'virtual_key_blocked',
  },
  model_not_allowed: {
    status: 403,
    type: 'permission_error',
    outerType: 'model_blocked',
  },
  forbidden: { status: 403, type: 'permission_error' },
  model_not_found: { status: 404, ...callers },
  unknown_route: { status: 404, ...callers },
  job_not_found: { status: 404, ...callers },
  not_found: { status: 404, ...callers },
  method_not_allowed: { status: 405, ...callers },
  request_timeout: { status: 408, ...callers, shouldRetry: true },
  job_terminal: { status: 409, ...callers },
  job_cancelled: { status: 409, ...callers },
  managed_by_file: { status: 409, ...callers },
  name_taken: { status: 409, ...callers },
  in_use: { status: 409, ...callers },
  version_conflict: { status: 412, ...callers },
  request_too_large: { status: 413, ...callers },
  unsupported_media_type: { status: 415, ...callers },
  unsupported_encoding: { status: 415, ...callers },
  expectation_failed: { status: 417, ...callers },
  idempotency_key_reuse: { status: 422, ...callers },
  headers_too_large: { status: 431, ...callers },
  rate_limit_exceeded: {
    status: 429,
    type: 'requests',
    outerType: 'request_limited',
    shouldRetry: true,
  },
  token_limit_exceeded: {
    status: 429,
    type: 'tokens',
    outerType: 'token_limited',
    // The outside knows one word for both; their types tell them apart.
    shown: 'rate_limit_exceeded',
    shouldRetry: true,
  },
  concurrency_exceeded: {
    status: 429,
    type: 'requests',
    outerType: 'request_limited',
    shouldRetry: true,
  },
  async_queue_full: { status: 429, type: 'requests', shouldRetry: true },
  login_throttled: { status: 429, type: 'requests', shouldRetry: true },
  upstream_rate_limited: { status: 429, type: 'requests', shouldRetry: true },
  client_closed: { status: 499, type: 'server_error' },
  outrun: { status: 499, type: 'server_error' },
  internal_error: { status: 500, type: 'server_error' },
  job_interrupted: { status: 500, type: 'server_error' },
  poison: { status: 500, type: 'server_error' },
  key_revoked: { status: 403, type: 'permission_error' },
  result_too_large: { status: 502, type: 'upstream_error' },
  result_not_stored: { status: 500, type: 'server_error' },
  upstream_error: { status: 502, type: 'upstream_error' },
  upstream_rejected: { status: 400, ...callers },
  upstream_unreachable: { status: 502, type: 'upstream_error' },
  upstream_tls_error: { status: 502, ...provider },
  upstream_invalid_response: { status: 502, ...provider },
  upstream_redirect: { status: 502, ...provider },
  upstream_auth_failed: { status: 502, ...provider },
  upstream_stream_truncated: { status: 502, ...provider },
  upstream_timeout: { status: 504, ...provider },
  overloaded: { status: 503, ...ours },
  storage_unavailable: { status: 503, ...ours },
  no_healthy_upstream: { status: 503, ...ours },
  gateway_shutdown: { status: 503, ...ours },
}

/** What a provider itself said about a refused request, kept for the caller. */
export interface UpstreamWords {
  readonly type: string
  readonly code: string | null
}

/** What is known about an error where it is found; nobody further up can find it out again. */
export interface ErrorFacts extends ErrorOptions {
  /** Overrides the table's: an upstream's 4xx about the caller's request keeps its status. */
  readonly status?: number
  readonly param?: string
  readonly retryAfterMs?: number
  /** The body was not read to its end, so the connection cannot be used again. */
  readonly closeConnection?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** Set where a provider answered: its status, and for a 4xx of the caller's doing its own type and code. */
  readonly upstreamStatus?: number
  readonly upstreamWords?: UpstreamWords
  /** The message is the provider's own sentence, which the caller gets as it is. */
  readonly inItsWords?: boolean
  /** False where nothing can have reached the provider, so nothing can have been billed. */
  readonly dispatched?: boolean
  /** The connection had carried others before, and was closed before a byte came back: most likely it was closed anyway. */
  readonly reusedSocket?: boolean
  /** The money or the quota of the key is spent: waiting a little does not help. */
  readonly exhausted?: boolean
  /** Whose limit or budget refused it. */
  readonly scope?: ScopeKind
  /** It was tried again already: a client that repeats it would only multiply the attempts. */
  readonly retried?: boolean
}

/** The only error that crosses a folder's border. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly facts: ErrorFacts

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    // Anybody can provoke a 4xx at will, so it must stay cheap: no stack for those.
    const limit = Error.stackTraceLimit
    if (errorTable[code].status < 500) Error.stackTraceLimit = 0
    super(message, facts)
    Error.stackTraceLimit = limit
    this.code = code
    this.facts = facts
  }

  get status(): number {
    return this.facts.status ?? errorTable[this.code].status
  }

  get type(): string {
    return this.facts.upstreamWords?.type ?? errorTable[this.code].type
  }

  get shouldRetry(): boolean {
    return errorTable[this.code].shouldRetry === true
  }

  /** Keeps ours; anything else becomes `code`, with the original as the cause: logged, never sent. */
  static from(
    thrown: unknown,
    code: ErrorCode = 'internal_error',
    message = 'Something went wrong inside the gateway. The log has the details under this request id.',
  ): GatewayError {
    return thrown instanceof GatewayError
      ? thrown
      : new GatewayError(code, message, { cause: thrown })
  }
}
