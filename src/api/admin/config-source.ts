import type { LoadedConfig } from '../../config/load.ts'

/** Where the configuration comes from. All but `current` throw, or reject with, a `ConfigError`. */
export interface ConfigSource {
  /** The one in force. */
  current(): LoadedConfig
  /** As if `text` stood in the file. */
  check(text: string): LoadedConfig
  /** Reads it again and puts it in force. Answers the settings that need a restart. */
  reload(): Promise<readonly string[]>
}
