import { median } from '../statistics.ts'

/** Taken while no call was under way and after garbage was collected. */
export interface Sample {
  /** How many calls there had been. */
  readonly requests: number
  readonly heapBytes: number
  readonly externalBytes: number
  readonly residentBytes: number
  readonly fds: number
  readonly sockets: number
}

type Figure = Exclude<keyof Sample, 'requests'>

export interface Trend {
  readonly figure: Figure
  /** Medians of the second and of the last tenth of the calls. */
  readonly early: number
  readonly late: number
  readonly allowed: number
  readonly flat: boolean
}

const mib = 2 ** 20

/**
 * What may be added to a share of the early value. Kept connections come and go, up to one per
 * caller; the resident set follows the allocator's mood, so it only catches gross growth.
 */
const tolerances: readonly { figure: Figure; share: number; plus: number }[] = [
  { figure: 'heapBytes', share: 0.1, plus: 3 * mib },
  { figure: 'externalBytes', share: 0.25, plus: 8 * mib },
  { figure: 'residentBytes', share: 0.25, plus: 48 * mib },
  { figure: 'fds', share: 0.1, plus: 64 },
  { figure: 'sockets', share: 0.1, plus: 64 },
]

/** Compares the second tenth, when all is warm, with the last. Throws when there is no sample in one. */
export function judgeFlat(samples: readonly Sample[], requests: number): Trend[] {
  const within = (from: number, to: number) =>
    samples.filter((each) => each.requests > from * requests && each.requests <= to * requests)
  const early = within(0.1, 0.2)
  const late = within(0.9, 1)
  if (early.length === 0 || late.length === 0) throw new Error('too few samples for a verdict')
  return tolerances.map(({ figure, share, plus }) => {
    const before = median(early.map((each) => each[figure]))
    const after = median(late.map((each) => each[figure]))
    const allowed = before * (1 + share) + plus
    return { figure, early: before, late: after, allowed, flat: after <= allowed }
  })
}
