/** How the process is doing, as fractions of what it may have and milliseconds. */
export interface Vitals {
  /** The part of the memory in use: of the heap's limit or of the container's, whichever is nearer to its end. */
  readonly memory: number
  /** How late the event loop was since the last look, its 99th percentile. */
  readonly loopDelayMs: number
}

/** Commands of the store, numbered as they were asked. */
export interface Commands {
  /** Of those that wait; null: none does. */
  readonly oldest: number | null
  readonly newest: number
}

/** What is true at any moment, as parts of what there may be: what fills up faster than looks come. */
export interface Filling {
  descriptors(): number
  /** Above 1 there are more than there may be. */
  connections(): number
  commands(): Commands
}

const nothing: Filling = {
  descriptors: () => 0,
  connections: () => 0,
  commands: () => ({ oldest: null, newest: 0 }),
}

/** What is refused: 0 nothing, 1 what can wait, 2 new streams as well, 3 every call. Health, polls and the admin never are. */
export type Strain = 0 | 1 | 2 | 3

export const signs = ['memory', 'event_loop', 'descriptors', 'connections', 'store'] as const
/** What tells of overload. */
export type Sign = (typeof signs)[number]

const memoryLevels = [0.85, 0.92, 0.95] as const
const descriptorLevels = [0.8, 0.85, 0.9] as const
const delayLevels = { some: 100, much: 250 } as const
/** Looks in a row, 250 ms apart: one long pause is no overload. */
const looks = 4
/** A command has waited for three seconds: what is handed in now would wait longer than its caller does. */
const storeLooks = 12
/** Memory must fall this much below a level before that is left: else each answer would decide anew. */
const slack = 0.03

/** Reads signs of overload, so that calls are refused while refusing still helps. */
export class StrainGauge {
  readonly #filling: Filling
  #memory: Strain = 0
  #delayed = 0
  #muchDelayed = 0
  /** The last command at each of the looks before, the oldest look first. */
  readonly #newest: number[] = []
  /** Commands up to this one are late where they wait still. */
  #lateUpTo: number | null = null

  constructor(filling: Partial<Filling> = {}) {
    this.#filling = { ...nothing, ...filling }
  }

  /** To be told every 250 ms. */
  look({ memory, loopDelayMs }: Vitals): void {
    this.#memory = memoryStrain(memory, this.#memory)
    this.#delayed = loopDelayMs > delayLevels.some ? this.#delayed + 1 : 0
    this.#muchDelayed = loopDelayMs > delayLevels.much ? this.#muchDelayed + 1 : 0
    this.#newest.push(this.#filling.commands().newest)
    if (this.#newest.length > storeLooks) this.#lateUpTo = this.#newest.shift() ?? null
  }

  get level(): Strain {
    let level: Strain = 0
    for (const sign of signs) level = Math.max(level, this.of(sign)) as Strain
    return level
  }

  /** The sign that speaks loudest; null: none speaks. */
  get sign(): Sign | null {
    const level = this.level
    return level === 0 ? null : (signs.find((sign) => this.of(sign) === level) ?? null)
  }

  of(sign: Sign): Strain {
    switch (sign) {
      case 'memory':
        return this.#memory
      case 'event_loop':
        return this.#muchDelayed >= looks ? 3 : this.#delayed >= looks ? 1 : 0
      case 'descriptors':
        return reached(descriptorLevels, this.#filling.descriptors())
      case 'connections':
        return this.#filling.connections() > 1 ? 3 : 0
      case 'store':
        // Only what is to be kept needs it.
        return this.#isStoreLate() ? 1 : 0
    }
  }

  #isStoreLate(): boolean {
    if (this.#lateUpTo === null) return false
    const { oldest } = this.#filling.commands()
    return oldest !== null && oldest <= this.#lateUpTo
  }
}

function reached([some, more, most]: readonly [number, number, number], part: number): Strain {
  return part >= most ? 3 : part >= more ? 2 : part >= some ? 1 : 0
}

function memoryStrain(memory: number, before: Strain): Strain {
  const level = reached(memoryLevels, memory)
  if (level >= before) return level
  const held = reached(memoryLevels, memory + slack)
  return held < before ? held : before
}
