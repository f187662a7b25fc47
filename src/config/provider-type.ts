/** What the configuration must know of a provider type. */
export interface ProviderTypeInfo {
  readonly type: string
  /** Null: `base_url` must be given, but for `demo`, which calls nobody. */
  readonly defaultBaseUrl: string | null
  /** Environment names of its key; the first that is set wins. */
  readonly envKeys: readonly string[]
  readonly envBaseUrl?: string
  /** Its API refuses calls without a credential. */
  readonly needsKey: boolean
}
