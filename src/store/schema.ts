/** The tables as the query builder sees them, the same on every engine. Times are epoch ms. */
export interface Schema {
  settings: SettingsTable
  virtual_keys: VirtualKeysTable
  write_probe: WriteProbeTable
}

interface SettingsTable {
  name: string
  value: string
}

export interface VirtualKeysTable {
  id: string
  name: string
  hash: string
  hint: string
  origin: 'first-run' | 'file' | 'api'
  /** A JSON array of patterns; null means every model. */
  models: string | null
  enabled: 0 | 1
  expires_at: number | null
  created_at: number
  disabled_at: number | null
}

/** One row that a health check writes to. */
interface WriteProbeTable {
  id: number
  writes: number
}
