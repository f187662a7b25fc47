import { maskSecret, maskUrl } from './mask.ts'
import { isRecord, nodeAt, type Path, showPath } from './schema-node.ts'

/** One row of the effective configuration, as shown to people: no secret is in it. */
export interface EffectiveSetting {
  readonly path: string
  readonly value: string
  /** `default`, `sluice.yaml:9`, `SLUICE_HOST`, `--port`. */
  readonly origin: string
  /** The `${…}` it came through. */
  readonly reference: string | null
}

export interface Origin {
  readonly origin: string
  readonly reference: string | null
}

/** Every setting of a configuration with its defaults filled in; `originOf` says where each came from. */
export function listSettings(raw: unknown, originOf: (path: Path) => Origin): EffectiveSetting[] {
  const settings: EffectiveSetting[] = []
  const add = (path: Path, value: string, from: Path = path): void => {
    settings.push({ path: showPath(path), value, ...originOf(from) })
  }
  const walk = (value: unknown, path: Path): void => {
    if (isProviderKey(path) && isRecord(value))
      add(path, showKey(value, path), keyOrigin(value, path))
    else if (path.at(-1) === 'budget' && isRecord(value)) add(path, showBudget(value))
    else if (isRecord(value)) {
      for (const [name, item] of Object.entries(value)) walk(item, [...path, name])
    } else if (Array.isArray(value) && value.some(isRecord)) {
      value.forEach((item, i) => {
        walk(item, [...path, i])
      })
    } else add(path, showLeaf(value, path))
  }
  if (!isRecord(raw)) return settings
  for (const [name, value] of Object.entries(raw))
    if (name !== 'version' && name !== '$schema') walk(value, [name])
  return settings
}

const isProviderKey = (path: Path): boolean =>
  path.length === 4 && path[0] === 'providers' && path[2] === 'keys'

/** The value is what people look for; where it stands says more than where the key begins. */
function keyOrigin(key: Record<string, unknown>, path: Path): Path {
  const secret = ['value', 'secret_access_key', 'credentials_file'].find((name) => name in key)
  return secret === undefined ? path : [...path, secret]
}

function showKey(key: Record<string, unknown>, path: Path): string {
  const name = typeof key['name'] === 'string' ? key['name'] : `key-${Number(path[3]) + 1}`
  const shown = [name]
  for (const [setting, value] of Object.entries(key)) {
    if (setting === 'name' || (setting === 'weight' && value === 1)) continue
    if (setting === 'value') shown.push(showLeaf(value, [...path, setting]))
    else shown.push(`${setting}=${showLeaf(value, [...path, setting])}`)
  }
  return shown.join(' ')
}

function showBudget(budget: Record<string, unknown>): string {
  const extras = [
    ...(budget['assume_output_tokens'] === 4096
      ? []
      : [`assume_output_tokens ${budget['assume_output_tokens']}`]),
    ...(budget['unpriced'] === 'allow' ? ['unpriced allowed'] : []),
    ...(budget['strict'] === true ? ['strict'] : []),
  ]
  const { usd, per } = budget
  return [`$${usd} per ${per}`, ...extras].join(', ')
}

function showLeaf(value: unknown, path: Path): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  const text = String(value)
  const last = path.at(-1)
  if (last === 'password') return '***'
  if (last === 'ca') return `${text.length} characters`
  if (last === 'url' || last === 'proxy') return maskUrl(text)
  if (nodeAt(path)?.writeOnly) return text === '' ? 'empty' : maskSecret(text)
  return text
}
