import type { IncomingMessage, ServerResponse } from 'node:http'

/** Which web pages may use the gateway from a browser. */
export interface OriginRules {
  /** Null: none. */
  readonly corsOrigins: readonly string[] | null
  readonly hosts: readonly string[]
}

const requestHeaders = [
  'authorization',
  'content-type',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-request-id',
  'idempotency-key',
  'openai-beta',
  'openai-organization',
  'openai-project',
  'traceparent',
  'tracestate',
  'user-agent',
].join(', ')
const exposed = [
  'x-request-id',
  'x-bf-async-id',
  'x-bf-async-status',
  'x-bf-async-job-result-ttl',
  'idempotency-replayed',
  'location',
  'x-sluice-call-id',
  'x-sluice-provider',
  'x-sluice-model',
  'x-sluice-attempts',
  'x-sluice-fallback-index',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'openai-processing-ms',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
  // Under the names that OpenAI and its imitators use; a wildcard is not for answers to requests with credentials.
  ...['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].map((unit) => `x-sluice-upstream-ratelimit-${what}-${unit}`),
  ),
].join(', ')

function isAllowedOrigin(origin: string, { corsOrigins }: OriginRules): boolean {
  return corsOrigins?.includes(origin) === true
}

/** Lets a page of an allowed origin read the answer. */
export function allowOrigin(req: IncomingMessage, res: ServerResponse, rules: OriginRules): void {
  const { origin } = req.headers
  if (origin === undefined || rules.corsOrigins === null) return
  res.setHeader('vary', 'Origin')
  if (!isAllowedOrigin(origin, rules)) return
  res.setHeader('access-control-allow-origin', origin)
  res.setHeader('access-control-expose-headers', exposed)
}

/** Answers a browser's question whether it may send a request. False where it was none. */
export function answerPreflight(
  req: IncomingMessage,
  res: ServerResponse,
  rules: OriginRules,
  methods: readonly string[],
): boolean {
  const { origin } = req.headers
  if (req.method !== 'OPTIONS' || origin === undefined) return false
  if (req.headers['access-control-request-method'] === undefined || !isAllowedOrigin(origin, rules))
    return false
  // SDKs and the gateway's own family send more headers than any list holds: what is asked for by name is allowed.
  const asked = String(req.headers['access-control-request-headers'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^x-(bf|stainless|sluice)-[a-z0-9-]{1,64}$/.test(name))
  allowOrigin(req, res, rules)
  res.writeHead(204, {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': [requestHeaders, ...asked].join(', '),
    'access-control-max-age': '600',
  })
  res.end()
  return true
}

/** Whether a request comes from a page, or under a name, that nobody vouched for: a way to reach a gateway without keys. */
export function isForeign({ headers }: IncomingMessage, rules: OriginRules): boolean {
  if (headers.origin !== undefined && !isAllowedOrigin(headers.origin, rules)) return true
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  return !isLoopbackName(host) && !rules.hosts.some((each) => each.toLowerCase() === host)
}

const isLoopbackName = (host: string): boolean =>
  host === '' || host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
