/** A mistake of whoever started the program: told in one paragraph, without a stack. */
export class UsageError extends Error {
  /** 1 failure, 2 bad configuration or usage. */
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
