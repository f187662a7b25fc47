/** How many usual prompts may be saved up: what a bad minute can spend at once. */
const burst = 20
const newestShare = 0.05

/**
 * What second attempts may cost, in bytes of prompts: each call earns a part of its own, so that they never cost more than
 * that part of what all calls do, whatever the providers' weather.
 */
export class HedgeBudget {
  #savedBytes = 0
  #usualBytes = 0

  /** A call of this size is made; `share` of it may be spent on second attempts. */
  earn(promptBytes: number, share: number): void {
    this.#usualBytes =
      this.#usualBytes === 0
        ? promptBytes
        : this.#usualBytes + newestShare * (promptBytes - this.#usualBytes)
    // A prompt that is larger than usual must be able to save up for itself.
    const mostBytes = Math.max(burst * this.#usualBytes, promptBytes)
    this.#savedBytes = Math.min(this.#savedBytes + share * promptBytes, mostBytes)
  }

  /** Whether enough is saved for one more attempt of this size. */
  covers(promptBytes: number): boolean {
    return this.#savedBytes >= promptBytes
  }

  /** The same for a prompt as they usually are. */
  get coversUsual(): boolean {
    return this.#usualBytes > 0 && this.covers(this.#usualBytes)
  }

  /** Takes what is used; below nothing where more was used than was to be known. */
  spend(bytes: number): void {
    this.#savedBytes -= bytes
  }
}
