import type { ConfigSource } from '../api/admin/config-source.ts'
import type { Config } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'

/** Reads the configuration; as if `text` stood in the file where it is given. Throws a ConfigError. */
export type ReadConfig = (text?: string) => LoadedConfig

/** The configuration in force, and how another comes into force: one at a time, whoever asks for it. */
export class ConfigInForce implements ConfigSource {
  readonly #read: ReadConfig
  #loaded: LoadedConfig
  #apply: (config: Config) => Promise<void> = async () => {}
  #turn: Promise<unknown> = Promise.resolve()
  /** After each change, with the settings that need a restart. */
  onReloaded: (loaded: LoadedConfig, needRestart: readonly string[]) => void = () => {}
  onRefused: (reason: unknown) => void = () => {}

  constructor(first: LoadedConfig, read: ReadConfig) {
    this.#loaded = first
    this.#read = read
  }

  /** Who puts it in force. */
  connect(apply: (config: Config) => Promise<void>): void {
    this.#apply = apply
  }

  current(): LoadedConfig {
    return this.#loaded
  }

  check(text: string): LoadedConfig {
    return this.#read(text)
  }

  reload(): Promise<readonly string[]> {
    const reloaded = this.#turn.then(() => this.#reload())
    this.#turn = reloaded.catch(() => {})
    return reloaded
  }

  async #reload(): Promise<readonly string[]> {
    try {
      const next = this.#read()
      await this.#apply(next.config)
      const changed = needRestart(this.#loaded, next)
      this.#loaded = next
      this.onReloaded(next, changed)
      return changed
    } catch (thrown) {
      this.onRefused(thrown)
      throw thrown
    }
  }
}

function needRestart(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const parts = ({ config }: LoadedConfig): Readonly<Record<string, string>> => ({
    'server.host': config.server.host,
    'server.port': String(config.server.port),
    'store.url': String(config.store.url),
    'auth.admin': JSON.stringify(config.auth.admin),
    log: JSON.stringify(config.log),
    'request_log.enabled': String(config.requestLog.enabled),
  })
  const [a, b] = [parts(before), parts(after)]
  return Object.keys(a).filter((name) => a[name] !== b[name])
}
