import type { Credential } from './credential.ts'
import type { Renewing } from './renewing.ts'

export interface BearerToken {
  readonly token: string
  /** What goes along with it, names and values in turn. */
  readonly headers?: readonly string[]
}

/** Sends a token that is fetched anew before it ends. */
export function sendBearerToken(tokens: Renewing<BearerToken>): Credential {
  return {
    headersFor(_, signal) {
      const held = tokens.get(signal)
      return held instanceof Promise ? held.then(headersOf) : headersOf(held)
    },
    refused: () => tokens.refused(),
    secrets: () => tokens.known.map(({ token }) => token),
  }
}

const headersOf = ({ token, headers = [] }: BearerToken): readonly string[] => [
  'authorization',
  `Bearer ${token}`,
  ...headers,
]
