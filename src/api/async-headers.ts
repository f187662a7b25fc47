import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../core/errors.ts'

/** What a caller may say by headers about a job. */
export type AsyncOrder = SubmitOrder | PollOrder

export interface SubmitOrder {
  readonly kind: 'submit'
  /** How long the result is to be kept, within what is allowed. */
  readonly ttlMs: number
  readonly onInterrupt: 'rerun' | 'fail'
  readonly idempotencyKey: string | null
  /** The client sends again what it had no answer to. */
  readonly isRepeat: boolean
  readonly waitMs: number
}

export interface PollOrder {
  readonly kind: 'poll'
  /** As the caller gave it: it may be no id at all. */
  readonly id: string
  /** How long the answer may be held back for the job to end; 0: not at all. */
  readonly waitMs: number
}

export interface TtlRules {
  readonly resultTtlMs: number
  readonly maxResultTtlMs: number
}

type Asking = Pick<IncomingMessage, 'headers' | 'headersDistinct'>

const longestWaitS = 60

/** What a chat call asks for: null is an ordinary call. Throws `invalid_request` with the header as `param`. */
export function readAsyncOrder(req: Asking, rules: TtlRules): AsyncOrder | null {
  const id = textOf(req, 'x-bf-async-id')
  if (id !== undefined) return readPollOrder(id, req)
  const wanted = textOf(req, 'x-bf-async')
  if (wanted === undefined || wanted === 'false') return null
  if (wanted !== 'true') throw invalid('x-bf-async', 'must be `true` or `false`, in lower case')
  return readSubmitOrder(req, rules)
}

export function readSubmitOrder(req: Asking, rules: TtlRules): SubmitOrder {
  return {
    kind: 'submit',
    ttlMs: readTtl(req, rules),
    onInterrupt: readOnInterrupt(req),
    idempotencyKey: readIdempotencyKey(req),
    isRepeat: Number(textOf(req, 'x-stainless-retry-count')) > 0,
    waitMs: readWait(req),
  }
}

export function readPollOrder(id: string, req: Asking): PollOrder {
  return { kind: 'poll', id, waitMs: readWait(req) }
}

function readTtl(req: Asking, { resultTtlMs, maxResultTtlMs }: TtlRules): number {
  const name = 'x-bf-async-job-result-ttl'
  const text = textOf(req, name)
  if (text === undefined) return resultTtlMs
  const seconds = wholeNumber(text)
  if (seconds < 1) throw invalid(name, 'must be a whole number of seconds, at least 1')
  return Math.min(seconds * 1000, maxResultTtlMs)
}

function readWait(req: Asking): number {
  const name = 'x-bf-async-wait'
  const text = textOf(req, name)
  if (text === undefined) return 0
  const seconds = wholeNumber(text)
  if (seconds < 1 || seconds > longestWaitS)
    throw invalid(name, `must be a whole number of seconds from 1 to ${longestWaitS}`)
  return seconds * 1000
}

function readOnInterrupt(req: Asking): 'rerun' | 'fail' {
  const name = 'x-bf-async-on-interrupt'
  const text = textOf(req, name)
  if (text === undefined || text === 'rerun') return 'rerun'
  if (text === 'fail') return 'fail'
  throw invalid(name, 'must be `rerun` or `fail`')
}

function readIdempotencyKey(req: Asking): string | null {
  const text = textOf(req, 'idempotency-key')
  if (text === undefined) return null
  // Joined, two keys would be a third one that looks like any other.
  const isOne = req.headersDistinct['idempotency-key']?.length === 1
  if (isOne && /^[\x20-\x7e]{1,255}$/.test(text)) return text
  throw invalid('Idempotency-Key', 'must be one key of 1 to 255 printable ASCII characters')
}

/** A header sent twice arrives joined by a comma, which none of the forms here allows. */
function textOf({ headers }: Asking, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** 0 for what is none. */
const wholeNumber = (text: string): number => (/^\d+$/.test(text) ? Number(text) : 0)

const invalid = (name: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `The header ${name} ${what}`, { param: name })
