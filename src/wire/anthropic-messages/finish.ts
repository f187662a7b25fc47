import { isObject, type JsonObject } from '../json.ts'

/** OpenAI's word for why the model stopped. What was cut off stays cut off, also where calls came before. */
export function finishReason(stopReason: unknown, hasCalls: boolean): string {
  switch (stopReason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'refusal':
      return 'content_filter'
    default:
      return hasCalls ? 'tool_calls' : 'stop'
  }
}

/** Why the model would not answer, where it says so; null: it does not. */
export function refusalText(wire: JsonObject): string | null {
  const details = wire['stop_details']
  if (wire['stop_reason'] !== 'refusal' || !isObject(details)) return null
  const { explanation } = details
  return typeof explanation === 'string' && explanation !== '' ? explanation : null
}
