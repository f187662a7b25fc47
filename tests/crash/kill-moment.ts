import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import { drainGraceMs } from './crash-case.ts'

const kinds = [
  'written',
  'acknowledged',
  'received',
  'half',
  'answered',
  'cancelled',
  'due',
  'time',
] as const
export type MomentKind = (typeof kinds)[number]

export const momentNames: Readonly<Record<MomentKind, string>> = {
  written: 'a submit was written',
  acknowledged: 'a submit was acknowledged',
  received: 'the provider had a request',
  half: 'an answer was half sent',
  answered: 'an answer was sent',
  cancelled: 'a DELETE was written',
  due: 'a removal was due',
  time: 'at a random time',
}

/** When the gateway is killed: a little after something happened for the `count`th time, or after `afterMs`. */
export interface KillMoment {
  readonly kind: MomentKind
  readonly count: number
  readonly afterMs: number
  /** How long the gateway is let drain before it is killed; null: it is killed at once. */
  readonly drainMs: number | null
}

/** Longer than everything a round does: a moment that never comes must not hold it up. */
const latestMs = 1500

/** The latest time it may be, as a share of the jobs: of what only few jobs come to, just an early one is sure. */
const mostOf: Readonly<Record<MomentKind, number>> = {
  written: 0.75,
  acknowledged: 0.75,
  received: 0.75,
  half: 0.25,
  answered: 0.75,
  cancelled: 0.1,
  due: 0.1,
  time: 0,
}
const lateMs: Readonly<Partial<Record<MomentKind, number>>> = { due: 60, time: 400 }

export function pickMoment(chance: Chance, jobs: number): KillMoment {
  const kind = chance.pick(kinds)
  return {
    kind,
    count: 1 + chance.below(Math.max(1, Math.floor(jobs * mostOf[kind]))),
    afterMs: chance.below(lateMs[kind] ?? 6),
    drainMs: pickDrain(chance),
  }
}

/** Mostly in the middle of it, at times when the grace is over or the process has ended by itself. */
export function pickDrain(chance: Chance): number | null {
  if (!chance.happens(0.25)) return null
  return chance.happens(0.8) ? chance.below(150) : drainGraceMs - 100 + chance.below(400)
}

/** Counts what happens and resolves when the moment has come. */
export class MomentWatch {
  readonly reached: Promise<void>
  readonly #moment: KillMoment
  readonly #resolve: () => void
  #seen = 0

  constructor(moment: KillMoment) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#moment = moment
    this.#resolve = resolve
    const after = moment.kind === 'time' ? moment.afterMs : latestMs
    this.reached = Promise.race([promise, sleep(after)])
  }

  note(kind: MomentKind): void {
    const { count, afterMs } = this.#moment
    if (kind !== this.#moment.kind || ++this.#seen !== count) return
    if (afterMs === 0) this.#resolve()
    else setTimeout(this.#resolve, afterMs)
  }
}
