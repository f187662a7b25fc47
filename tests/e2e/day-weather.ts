import { goodAnswer } from '../faults/upstream/retry-cell.ts'
import { whoIn } from '../faults/upstream/retry-stage.ts'
import { openaiError } from '../support/upstream-openai.ts'
import type { SeenRequest } from '../support/upstream-request.ts'
import * as script from '../support/upstream-script.ts'

/** Something that goes wrong for some hours of the day. */
interface Spell {
  readonly from: number
  readonly to: number
  readonly what: string
  /** Null: this request does not feel it. `chance` is from 0 to 1. */
  readonly answer?: (who: string, stream: boolean, chance: number) => script.Steps | null
  /** The provider is not there at all. */
  readonly outage?: string
}

const limited = (headers: Record<string, string>): script.Steps =>
  script.json(429, openaiError('Rate limit reached'), headers)
const isOf = (provider: string, who: string): boolean => who.startsWith(`${provider}/`)

const spells: readonly Spell[] = [
  { from: 2, to: 4, what: 'east is down', outage: 'east' },
  {
    ...{ from: 6, to: 8, what: 'one key of east is slow' },
    answer: (who) => (who === 'east/k1' ? script.stall() : null),
  },
  {
    ...{ from: 9, to: 12, what: 'a wave of 429 at east, with a time' },
    answer: (who, _, chance) =>
      isOf('east', who) && chance < 0.5 ? limited({ 'retry-after-ms': '300' }) : null,
  },
  {
    ...{ from: 12, to: 13, what: 'one key of west is revoked' },
    answer: (who) => (who === 'west/k2' ? script.json(401, openaiError('no')) : null),
  },
  {
    ...{ from: 14, to: 16, what: 'half of all calls at east fail with 503' },
    answer: (who, _, chance) =>
      isOf('east', who) && chance < 0.5 ? script.json(503, openaiError('busy')) : null,
  },
  {
    ...{ from: 17, to: 18, what: 'a fifth of the streams of west break before their first word' },
    answer: (who, stream, chance) =>
      isOf('west', who) && stream && chance < 0.2 ? [script.streamHead(), script.rst()] : null,
  },
  {
    ...{ from: 19, to: 20, what: 'a wave of 429 everywhere, without a time' },
    answer: (_, __, chance) => (chance < 0.2 ? limited({}) : null),
  },
  { from: 21, to: 22, what: 'west is down', outage: 'west' },
]

export const spellAt = (hour: number): Spell | undefined =>
  spells.find(({ from, to }) => hour >= from && hour < to)

/** What every good answer costs, as its provider counts it. */
export const tokensEach = 5

/** The answer at this hour. */
export function answerAt(
  hour: number,
  request: SeenRequest,
): { steps: script.Steps; good: boolean } {
  const stream = request.field('stream') === true
  const special = spellAt(hour)?.answer?.(whoIn(request), stream, Math.random())
  if (special) return { steps: special, good: false }
  return { steps: [script.wait(20 + 30 * Math.random()), goodAnswer(stream)], good: true }
}
