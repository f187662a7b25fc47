import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { completion, role, text } from './chunks.ts'

type Mode = 'plain' | 'stream'

/** One way in which a provider fails, and what may follow it. */
export interface Fault {
  readonly phase: 'P0' | 'P1' | 'P2' | 'P3'
  readonly name: string
  /** What a request is answered; absent where none arrives. */
  readonly steps?: script.Steps
  /** Where it can happen; absent: in both. */
  readonly only?: Mode
  /** Absent: the scripted provider; else where nobody answers. */
  readonly at?: 'closed port' | 'bad certificate'
  /** The first request meets a connection that has carried one before. */
  readonly reused?: 'fin' | 'rst'
  readonly timeouts?: Readonly<Record<string, string>>
  /** How often one key is asked while it lasts, with two repeats configured. */
  readonly perKey: number
  /** Repeats come only where nobody else is left. */
  readonly lastWayOnly?: boolean
  readonly otherKey: boolean
  readonly nextTarget: boolean
  readonly status: number
  readonly code: string
  /** What a single attempt tells SDKs; null: nothing. */
  readonly shouldRetry: 'true' | 'false' | null
  /** Whether the last attempt may have cost something. */
  readonly mayCost: boolean
}

const repeated = { perKey: 3, otherKey: true, nextTarget: true, mayCost: false } as const
const elsewhere = { perKey: 1, otherKey: true, nextTarget: true } as const
const callers = { perKey: 1, otherKey: false, nextTarget: false, mayCost: false } as const
const never = { ...callers, mayCost: true, shouldRetry: null } as const

const short = { first_byte: '120ms', first_token: '120ms', idle: '120ms' }

const refusal = (
  status: number,
  words: Parameters<typeof openaiError>[1] = {},
  headers: Readonly<Record<string, string>> = {},
): script.Steps => script.json(status, openaiError(`No: ${status}`, words), headers)

const notSent: readonly Fault[] = [
  {
    ...{ phase: 'P0', name: 'connection refused', at: 'closed port', mayCost: false },
    ...{ perKey: 2, otherKey: true, nextTarget: true },
    ...{ status: 502, code: 'upstream_unreachable', shouldRetry: null },
  },
  {
    ...{ phase: 'P0', name: 'unknown certificate', at: 'bad certificate', mayCost: false },
    ...{ perKey: 2, otherKey: true, nextTarget: true },
    ...{ status: 502, code: 'upstream_tls_error', shouldRetry: null },
  },
]

const unanswered: readonly Fault[] = [
  ...(['fin', 'rst'] as const).map(
    (how): Fault => ({
      ...{ ...elsewhere, phase: 'P1', name: `reused connection closed (${how})`, reused: how },
      ...{ steps: script.rst(), perKey: 2, mayCost: true },
      ...{ status: 502, code: 'upstream_unreachable', shouldRetry: 'false' },
    }),
  ),
  ...(['fin', 'rst'] as const).map(
    (how): Fault => ({
      ...{ ...elsewhere, phase: 'P1', name: `new connection closed (${how})`, mayCost: true },
      ...{ steps: how === 'fin' ? script.fin() : script.rst() },
      ...{ status: 502, code: 'upstream_unreachable', shouldRetry: 'false' },
    }),
  ),
  {
    ...{ ...elsewhere, phase: 'P1', name: 'no head in time', steps: script.stall() },
    ...{ timeouts: short, mayCost: true },
    ...{ status: 504, code: 'upstream_timeout', shouldRetry: 'false' },
  },
]

const troubled = [
  [408, 504],
  [425, 502],
  [500, 500],
  [502, 502],
  [503, 503],
  [504, 504],
  [520, 502],
  [524, 502],
  [529, 502],
] as const

const refused: readonly Fault[] = [
  ...troubled.map(
    ([status, seen]): Fault => ({
      ...{ ...repeated, phase: 'P2', name: String(status), steps: refusal(status) },
      ...{ status: seen, code: status === 408 ? 'upstream_timeout' : 'upstream_error' },
      shouldRetry: seen === 503 ? 'true' : 'false',
    }),
  ),
  {
    ...{ ...repeated, phase: 'P2', name: '409', steps: refusal(409) },
    ...{ otherKey: false, nextTarget: false },
    ...{ status: 409, code: 'upstream_rejected', shouldRetry: 'false' },
  },
  ...[400, 404, 413, 415, 422].map(
    (status): Fault => ({
      ...{ ...callers, phase: 'P2', name: String(status), steps: refusal(status), status },
      ...{ code: 'upstream_rejected', shouldRetry: 'false' },
    }),
  ),
  ...['context_length_exceeded', 'content_filter'].map(
    (code): Fault => ({
      ...{ ...callers, phase: 'P2', name: `400 ${code}`, steps: refusal(400, { code }) },
      ...{ status: 400, code, shouldRetry: 'false' },
    }),
  ),
  ...[401, 402, 403].map(
    (status): Fault => ({
      ...{ ...elsewhere, phase: 'P2', name: String(status), steps: refusal(status) },
      ...{ status: 502, code: 'upstream_auth_failed', shouldRetry: 'false', mayCost: false },
    }),
  ),
]

const limit = { status: 429, code: 'upstream_rate_limited', mayCost: false } as const

const limited: readonly Fault[] = [
  {
    ...{ ...elsewhere, ...limit, phase: 'P2', name: '429', steps: refusal(429) },
    shouldRetry: 'true',
  },
  {
    ...{ ...elsewhere, ...limit, phase: 'P2', name: '429, wait 30 s', shouldRetry: 'true' },
    steps: refusal(429, {}, { 'retry-after': '30' }),
  },
  {
    ...{ ...elsewhere, ...limit, phase: 'P2', name: '429, wait 5 ms', shouldRetry: 'true' },
    ...{ perKey: 3, lastWayOnly: true, steps: refusal(429, {}, { 'retry-after-ms': '5' }) },
  },
  {
    ...{ ...elsewhere, ...limit, phase: 'P2', name: '429 insufficient_quota' },
    ...{ steps: refusal(429, { code: 'insufficient_quota' }), shouldRetry: 'false' },
  },
]

const inner = (status: number | string): object => ({
  error: { message: `No: ${status}`, type: 'server_error', code: status },
})

/** A status that stands only in the body of a 200, whole or as the first event. */
const hidden = (code: number | string, follows: Omit<Fault, 'phase' | 'name'>): Fault[] => [
  { ...follows, phase: 'P2', name: `200 with error ${code}`, steps: script.json(200, inner(code)) },
  {
    ...{ ...follows, phase: 'P2', name: `first event is error ${code}`, only: 'stream' },
    steps: script.sse([inner(code)], { done: false }),
  },
  {
    // Cut in the middle of the JSON, behind a comment: the error is known only with the second piece.
    ...{ ...follows, phase: 'P2', name: `first event is error ${code}, in pieces`, only: 'stream' },
    steps: [
      script.streamHead(),
      script.frame(': ping\n\n'),
      script.event(inner(code), { split: { every: 7 } }),
      script.lastChunk(),
    ],
  },
]

const hiddenOnes: readonly Fault[] = [
  ...hidden(503, { ...repeated, status: 503, code: 'upstream_error', shouldRetry: 'true' }),
  ...hidden(500, { ...repeated, status: 500, code: 'upstream_error', shouldRetry: 'false' }),
  ...hidden('rate_limit_exceeded', { ...elsewhere, ...limit, shouldRetry: 'true' }),
  ...hidden(401, {
    ...{ ...elsewhere, mayCost: false },
    ...{ status: 502, code: 'upstream_auth_failed', shouldRetry: 'false' },
  }),
  ...hidden(400, { ...callers, status: 400, code: '400', shouldRetry: 'false' }),
]

const wrong = {
  ...elsewhere,
  phase: 'P2',
  status: 502,
  code: 'upstream_invalid_response',
  shouldRetry: 'false',
  mayCost: true,
} as const
const cut = { ...wrong, code: 'upstream_stream_truncated', only: 'stream' } as const
const whole = JSON.stringify(completion('a'))

const unreadable: readonly Fault[] = [
  { ...wrong, name: 'HTML with 200', steps: script.reply(200, '<html>log in</html>') },
  { ...wrong, name: 'truncated JSON with 200', steps: script.reply(200, whole.slice(0, 99)) },
  {
    ...{ ...wrong, name: 'reset inside the body', only: 'plain' },
    steps: [script.reply(200, whole.slice(0, 99), {}, { contentLength: 999 }), script.rst()],
  },
  {
    ...{ ...wrong, name: 'end inside the body', only: 'plain' },
    steps: [script.reply(200, whole.slice(0, 99), {}, { contentLength: 999 }), script.fin()],
  },
  {
    ...{ ...wrong, name: 'an empty stream', only: 'stream' },
    steps: script.sse([], { done: false }),
  },
  {
    ...{ ...cut, name: 'end before the first event' },
    steps: [script.streamHead(), script.frame(': ping\n\n'), script.lastChunk()],
  },
  {
    ...{ ...cut, name: 'reset before the first event' },
    steps: [script.streamHead(), script.frame(': ping\n\n'), script.rst()],
  },
  {
    ...{ ...wrong, name: 'head, then silence', status: 504, code: 'upstream_timeout' },
    ...{ timeouts: short, steps: [script.streamHead(), script.stall()] },
  },
]

const begun = [script.streamHead(), script.event(role), script.event(text('a'))]
const late = { ...never, phase: 'P3', only: 'stream', status: 200 } as const

const afterTheFirst: readonly Fault[] = [
  {
    ...{ ...late, name: 'reset after an event', code: 'upstream_stream_truncated' },
    steps: [begun, script.rst()],
  },
  {
    ...{ ...late, name: 'end after an event', code: 'upstream_stream_truncated' },
    steps: [begun, script.fin()],
  },
  {
    ...{ ...late, name: 'silence after an event', code: 'upstream_timeout', timeouts: short },
    steps: [begun, script.stall()],
  },
  {
    ...{ ...late, name: 'error after an event', code: 'upstream_error' },
    steps: [begun, script.event(inner(503)), script.lastChunk()],
  },
  {
    ...{ ...late, name: 'garbage after an event', code: 'upstream_invalid_response' },
    steps: [begun, script.event('{garbage'), script.lastChunk()],
  },
]

export const faults: readonly Fault[] = [
  ...notSent,
  ...unanswered,
  ...refused,
  ...limited,
  ...hiddenOnes,
  ...unreadable,
  ...afterTheFirst,
]
