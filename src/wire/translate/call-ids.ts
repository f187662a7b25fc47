/**
 * The ids of tool calls as a provider takes them: letters, digits, hyphens and underscores, not too long, and each only
 * once. Histories hold ids that other providers made: those may be anything, and begin anew with every turn.
 */
export class CallIds {
  readonly #maxLength: number
  readonly #used = new Set<string>()
  /** Of the last turn with calls, those without a result so far: by the caller's id, in order. */
  #open = new Map<string, string[]>()

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** What follows are the calls of another turn. */
  beginTurn(): void {
    this.#open = new Map()
  }

  /** The id of a call that the model made. */
  add(id: string): string {
    const base = this.#fitting(id)
    let own = base
    for (let count = 2; this.#used.has(own); count++)
      own = `${base.slice(0, this.#maxLength - 8)}_${count}`
    this.#used.add(own)
    const open = this.#open.get(id)
    if (open) open.push(own)
    else this.#open.set(id, [own])
    return own
  }

  /** The id of the call that a result answers. Of no call, it gets one that the provider will object to. */
  take(id: string): string {
    const open = this.#open.get(id)
    return open?.shift() ?? this.#fitting(id)
  }

  /** Ids of the calls of the last turn that never got a result. */
  takeRest(): readonly string[] {
    const rest = [...this.#open.values()].flat()
    this.#open = new Map()
    return rest
  }

  #fitting(id: string): string {
    return id.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, this.#maxLength) || 'call'
  }
}
