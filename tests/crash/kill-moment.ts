import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'

const kinds = ['written', 'acknowledged', 'received', 'half', 'answered', 'time'] as const
export type MomentKind = (typeof kinds)[number]

export const momentNames: Readonly<Record<MomentKind, string>> = {
  written: 'a submit was written',
  acknowledged: 'a submit was acknowledged',
  received: 'the provider had a request',
  half: 'an answer was half sent',
  answered: 'an answer was sent',
  time: 'at a random time',
}

/** When the gateway is killed: a little after something happened for the `count`th time, or after `afterMs`. */
export interface KillMoment {
  readonly kind: MomentKind
  readonly count: number
  readonly afterMs: number
}

/** Longer than everything a round does: a moment that never comes must not hold it up. */
const latestMs = 1500

export function pickMoment(chance: Chance, jobs: number): KillMoment {
  const kind = chance.pick(kinds)
  // Few answers go out in pieces, so that only an early one is sure to come.
  const most = kind === 'half' ? jobs / 4 : (jobs * 3) / 4
  return {
    kind,
    count: 1 + chance.below(Math.max(1, Math.floor(most))),
    afterMs: kind === 'time' ? chance.below(400) : chance.below(6),
  }
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
