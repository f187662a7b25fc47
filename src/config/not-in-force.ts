import { isRecord } from './schema-node.ts'

interface Row {
  /** The feature, as it is told. */
  readonly name: string
  /** `*` stands for any name or list position. */
  readonly path: readonly string[]
  /** Only values it accepts are not in force; absent: all. */
  readonly when?: (value: unknown) => boolean
}

// What this version accepts, so that files stay valid, but does not act on. A row goes when its feature comes.
const rows: readonly Row[] = [
  {
    name: 'compat.extra_fields',
    path: ['compat', 'extra_fields'],
    when: (value) => value === true,
  },
]

/** The features that given settings ask for and this version does not have. `given` is the file's value, without defaults. */
export function settingsNotInForce(given: unknown): string[] {
  const names = rows.flatMap(({ name, path, when }) =>
    findValues(given, path).some((value) => when === undefined || when(value)) ? [name] : [],
  )
  return [...new Set(names)]
}

function findValues(value: unknown, pattern: readonly string[]): unknown[] {
  const [step, ...rest] = pattern
  if (step === undefined) return [value]
  if (Array.isArray(value))
    return step === '*' ? value.flatMap((item) => findValues(item, rest)) : []
  if (!isRecord(value)) return []
  if (step === '*') return Object.values(value).flatMap((item) => findValues(item, rest))
  return Object.hasOwn(value, step) ? findValues(value[step], rest) : []
}
