import { GatewayError } from '../../core/errors.ts'

const mostOfKind = 4
const kindOf = (param: string): string => param.replace(/\[\d+\]/g, '[]')

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

  /** Of many places of one kind only the kind is named, since the list goes into a header: `messages[].name`. */
  get dropped(): readonly string[] {
    const byKind = Map.groupBy(this.#dropped, kindOf)
    return [...byKind].flatMap(([kind, params]) => (params.length > mostOfKind ? [kind] : params))
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
