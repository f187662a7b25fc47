/** What a credential may have to know of the request it lets in. */
export interface RequestToLetIn {
  /** Scheme, host and port. */
  readonly origin: string
  /** Path and query, already encoded. */
  readonly path: string
  /** Names in lower case and values in turn. */
  readonly headers: readonly string[]
  readonly body: Uint8Array
}

/** Lets requests in where a fixed header does not: the header changes with the request, or with time. */
export interface Credential {
  /**
   * Names and values in turn, to be added. Throws `upstream_auth_failed`, and `upstream_unreachable` or
   * `upstream_timeout` for a token endpoint that cannot be reached; no message holds a secret.
   */
  headersFor(
    request: RequestToLetIn,
    signal: AbortSignal,
  ): readonly string[] | Promise<readonly string[]>
  /** The provider refused it. True: the next request gets another one, so that trying again may help. */
  refused(): boolean
  /** What it holds at the moment and nobody may see. */
  secrets(): readonly string[]
}
