import { GatewayError } from '../../core/errors.ts'

/**
 * What a request says and a provider cannot be told. Nothing gets lost in silence: it is refused, or left out and
 * reported.
 */
export class Omissions {
  readonly #provider: string
  readonly #dropUnsupported: boolean
  readonly #dropped = new Set<string>()

  /** `provider` as people call it: "Anthropic". */
  constructor(provider: string, dropUnsupported: boolean) {
    this.#provider = provider
    this.#dropUnsupported = dropUnsupported
  }

  get dropped(): readonly string[] {
    return [...this.#dropped]
  }

  /** For what only accompanies a request and does not shape the answer. */
  drop(param: string): void {
    this.#dropped.add(param)
  }

  /**
   * Throws `unsupported_parameter`, or reports where the operator prefers an answer. `instead` is a sentence that says
   * what would work.
   */
  refuse(param: string, instead: string): void {
    if (this.#dropUnsupported) this.#dropped.add(param)
    else this.deny(param, instead)
  }

  /** Throws also where unsupported fields may be dropped: without this the request would mean something else. */
  deny(param: string, instead: string): never {
    throw new GatewayError(
      'unsupported_parameter',
      `${this.#provider} has nothing that corresponds to "${param}". ${instead}`,
      { param, dispatched: false },
    )
  }
}
