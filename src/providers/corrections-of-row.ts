import { isObject, type JsonObject } from '../wire/json.ts'
import { type ChoiceStep, complete, inTurn, rewriteChoices } from './corrections.ts'
import { StreamCorrector } from './corrections-in-stream.ts'

/** Corrects the chunks of one stream, in their order. */
export interface StreamCorrection {
  /** What to send in place of a chunk; `same`: nothing deviates; `nothing`: all it said was said before. */
  correct(wire: JsonObject): JsonObject | 'same' | 'nothing'
  /** The usage chunk that is still to be sent when the stream is finished; null: it was, or there was no count. */
  readonly owed: JsonObject | null
}

/** How one vendor's answers become OpenAI's. */
export interface Corrections {
  /** False where what deviates is always in the first chunk, or beside a usage or a finish: the others pass unread. */
  readonly everyChunk: boolean
  openStream(): StreamCorrection
  /** A whole reply; null where nothing deviates. */
  reply(wire: JsonObject): JsonObject | null
}

export function correct(
  steps: readonly ChoiceStep[],
  { everyChunk }: { readonly everyChunk: boolean },
): Corrections {
  const step = inTurn(...steps, complete)
  const whole = inTurn(step, callsFinish)
  return {
    everyChunk,
    openStream: () => new StreamCorrector(step),
    reply: (wire) => rewriteChoices(wire, (choice) => whole(choice, 'message', wire)),
  }
}

const callsFinish: ChoiceStep = (choice) => {
  const { message } = choice
  const calls = isObject(message) ? message['tool_calls'] : null
  return choice['finish_reason'] === 'stop' && Array.isArray(calls) && calls.length > 0
    ? { ...choice, finish_reason: 'tool_calls' }
    : null
}
