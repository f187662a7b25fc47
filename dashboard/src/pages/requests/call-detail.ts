import type { KeptBody, LoggedAttempt, LoggedCall } from '../../data/log-shapes.ts'

export interface CallDetail extends LoggedCall {
  readonly tries: readonly LoggedAttempt[]
  readonly bodies: readonly KeptBody[]
  /** Why there is no body; null: the gateway did not say. */
  readonly bodiesMissing: string | null
  /** All of it, as it came. */
  readonly raw: string
}

const none: LoggedCall = {
  id: '',
  at: new Date(0).toISOString(),
  label: '',
  kind: 'plain',
  status: 0,
  error: '',
  message: '',
  key: '',
  team: '',
  customer: '',
  route: '',
  provider: '',
  model: '',
  agent: '',
  duration_ms: 0,
  first_token_ms: null,
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  reasoning_tokens: 0,
  cost_nanos: null,
  attempts: 0,
  fallback: 0,
  hedged: false,
  dimensions: {},
}

/** What is absent counts as unknown, so that a record of an older gateway is still shown. */
export function readDetail(answer: unknown): CallDetail {
  const fields = (answer ?? {}) as Partial<LoggedCall> & {
    readonly tries?: readonly LoggedAttempt[]
    readonly bodies?: readonly KeptBody[]
    readonly bodies_missing?: string | null
  }
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
  return {
    ...none,
    ...(known as Partial<LoggedCall>),
    tries: fields.tries ?? [],
    bodies: fields.bodies ?? [],
    bodiesMissing: fields.bodies_missing ?? null,
    raw: JSON.stringify(answer, null, 2),
  }
}
