import { isRecord, type Path, showPath } from './schema-node.ts'

interface Row {
  /** `*` stands for any name or list position. */
  readonly path: readonly string[]
  /** Only values it accepts are not in force; absent: all. */
  readonly when?: (value: unknown) => boolean
}

// What this version accepts, so that files stay valid, but does not act on. A row goes when its feature comes.
const rows: readonly Row[] = [
  { path: ['auth', 'anonymous', 'limits'] },
  { path: ['auth', 'anonymous', 'budget'] },
  { path: ['providers', '*', 'retries'] },
  { path: ['providers', '*', 'keys', '*', 'quota_group'] },
  { path: ['models', '*', 'strategy'], when: (value) => value === 'least-latency' },
  { path: ['models', '*', 'fallbacks'], when: (value) => Array.isArray(value) && value.length > 0 },
  { path: ['virtual_keys', '*', 'limits'] },
  { path: ['virtual_keys', '*', 'budget'] },
  { path: ['prices'] },
  { path: ['jobs'] },
  {
    path: ['store', 'url'],
    when: (value) => typeof value === 'string' && value.startsWith('postgres'),
  },
]

/** The names of given settings that this version does not act on. `given` is the file's value, without defaults. */
export function settingsNotInForce(given: unknown): string[] {
  return rows.flatMap(({ path, when }) =>
    findPaths(given, path, []).flatMap(({ at, value }) =>
      when === undefined || when(value) ? [showPath(at)] : [],
    ),
  )
}

function findPaths(
  value: unknown,
  pattern: readonly string[],
  at: Path,
): { at: Path; value: unknown }[] {
  const [step, ...rest] = pattern
  if (step === undefined) return [{ at, value }]
  if (Array.isArray(value))
    return step === '*' ? value.flatMap((item, i) => findPaths(item, rest, [...at, i])) : []
  if (!isRecord(value)) return []
  if (step === '*')
    return Object.entries(value).flatMap(([name, item]) => findPaths(item, rest, [...at, name]))
  return Object.hasOwn(value, step) ? findPaths(value[step], rest, [...at, step]) : []
}
