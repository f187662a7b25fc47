/** How the process is doing, as fractions of what it may have and milliseconds. */
export interface Vitals {
  /** The part of the memory in use: of the heap's limit or of the container's, whichever is nearer to its end. */
  readonly memory: number
  /** How late the event loop was since the last look, its 99th percentile. */
  readonly loopDelayMs: number
}

/** What is refused: 0 nothing, 1 what can wait, 2 new streams as well, 3 every call. Health, polls and the admin never are. */
export type Strain = 0 | 1 | 2 | 3

const memoryLevels = [0.85, 0.92, 0.95] as const
const delayLevels = { some: 100, much: 250 } as const
/** Looks in a row, 250 ms apart: one long pause is no overload. */
const looks = 4
/** Memory must fall this much below a level before that is left: else each answer would decide anew. */
const slack = 0.03

/** Reads signs of overload, so that calls are refused while refusing still helps. */
export class StrainGauge {
  #memory: Strain = 0
  #delayed = 0
  #muchDelayed = 0

  /** To be told every 250 ms. */
  look({ memory, loopDelayMs }: Vitals): void {
    this.#memory = memoryStrain(memory, this.#memory)
    this.#delayed = loopDelayMs > delayLevels.some ? this.#delayed + 1 : 0
    this.#muchDelayed = loopDelayMs > delayLevels.much ? this.#muchDelayed + 1 : 0
  }

  get level(): Strain {
    const delay = this.#muchDelayed >= looks ? 3 : this.#delayed >= looks ? 1 : 0
    return delay > this.#memory ? delay : this.#memory
  }
}

function memoryStrain(memory: number, before: Strain): Strain {
  const reached = memoryLevels.filter((level) => memory >= level).length as Strain
  if (reached >= before) return reached
  const held = memoryLevels.filter((level) => memory >= level - slack).length as Strain
  return held < before ? held : before
}
