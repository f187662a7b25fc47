import type { GatewayError } from '../core/errors.ts'

/** What may follow a failed attempt, and what it says about the one that failed. */
export interface RetryRule {
  /**
   * The same key and target again: `once` without a wait, `fresh` once on a new connection, `backoff` as often as is
   * configured, `soon` only where the provider asks for a short wait and nobody else is left.
   */
  readonly same: 'never' | 'once' | 'fresh' | 'backoff' | 'soon'
  readonly otherKey: boolean
  readonly nextTarget: boolean
  /** `failure` counts for the breaker, `cool` is a rate limit, `rest` a key that is refused or spent. */
  readonly says: 'nothing' | 'failure' | 'cool' | 'rest'
}

const rule = (
  same: RetryRule['same'],
  otherKey: boolean,
  nextTarget: boolean,
  says: RetryRule['says'],
): RetryRule => ({ same, otherKey, nextTarget, says })

const stop = rule('never', false, false, 'nothing')
const notSent = rule('once', true, true, 'failure')
/** The connection was closed by the other side just as it was taken: not the provider's failure, the first time. */
const race = rule('fresh', false, true, 'nothing')
/** It may have been billed: the same one is not asked again. */
const ambiguous = rule('never', true, true, 'failure')
const troubled = rule('backoff', true, true, 'failure')
const limited = rule('soon', true, true, 'cool')
const spent = rule('never', true, true, 'rest')
/** Its keys have one limit together. */
const full = rule('never', false, true, 'nothing')
/** A 400 in the words of a refused key: what the caller wrote may stand in it, so no key is set aside for it. */
const doubtful = rule('never', true, true, 'nothing')
/** This target cannot be told what was asked, or paid for it; another one may. */
const unable = rule('never', false, true, 'nothing')
const conflict = rule('backoff', false, false, 'nothing')

const passing = new Set([408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529])

/** A pure reading of the error; nothing here is ever asked once a byte has reached the client. */
export function ruleFor(error: GatewayError): RetryRule {
  const { upstreamStatus: status, dispatched, reusedSocket, exhausted } = error.facts
  switch (error.code) {
    case 'upstream_rate_limited':
      return exhausted ? spent : limited
    case 'upstream_auth_failed':
      return status === 400 ? doubtful : spent
    case 'upstream_rejected':
      return status === 409 ? conflict : stop
    case 'unsupported_parameter':
    case 'budget_exceeded':
    case 'model_unpriced':
    case 'rate_limit_exceeded':
    case 'token_limit_exceeded':
    case 'concurrency_exceeded':
      return unable
    case 'upstream_error':
      return status === undefined || passing.has(status) ? troubled : ambiguous
    case 'upstream_timeout':
      if (status === 408) return troubled
      return dispatched === false ? notSent : ambiguous
    case 'upstream_unreachable':
      if (dispatched === false) return notSent
      return reusedSocket ? race : ambiguous
    case 'upstream_tls_error':
      return dispatched === true ? ambiguous : notSent
    case 'upstream_invalid_response':
    case 'upstream_stream_truncated':
    case 'upstream_redirect':
      return ambiguous
    // Ours, not theirs: as many calls are under way there as may.
    case 'overloaded':
    case 'no_healthy_upstream':
      return full
    default:
      return stop
  }
}
