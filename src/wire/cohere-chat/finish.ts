import type { GatewayError } from '../../core/errors.ts'
import { innerError } from './error.ts'

const reasons: Readonly<Record<string, string>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  ERROR_LIMIT: 'length',
  TIMEOUT: 'length',
  ERROR_TOXIC: 'content_filter',
}

/** OpenAI's word for how an answer ended. What was cut or filtered is told even where there are tool calls. */
export function finishOf(reason: unknown, hasCalls: boolean): string {
  const known = Object.hasOwn(reasons, String(reason)) ? reasons[String(reason)] : undefined
  if (known !== undefined && known !== 'stop') return known
  return hasCalls ? 'tool_calls' : 'stop'
}

/** The failure that an answer ended with, whatever came before it; null: it did not fail. */
export function failureOf(reason: unknown, error: unknown): GatewayError | null {
  if (reason !== 'ERROR' && reason !== 'USER_CANCEL') return null
  return innerError({ message: error }, 'the provider gave up on the answer')
}
