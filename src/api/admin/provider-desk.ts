import type { StoredContext } from '../../config/compile-stored.ts'
import type { Config } from '../../config/config.ts'

/** How what was made by the API stands, by the ids of providers and keys. */
export interface ProviderStanding {
  /** Why it is not in force; absent: it is, or it is shadowed or off. */
  readonly problems: ReadonlyMap<string, string>
  readonly warnings: ReadonlyMap<string, readonly string[]>
}

/** What is in force of providers, and what it takes to say whether another one could be. */
export interface ProviderDesk {
  /** The file's configuration alone. */
  file(): Config
  /** As of the last time something was put in force. */
  standing(): ProviderStanding
  readonly context: StoredContext
}
