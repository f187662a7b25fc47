import type { ProviderTypeInfo } from './provider-type.ts'
import type { Path } from './schema-node.ts'
import { parseDuration } from './units.ts'
import type { Report } from './validate.ts'

/** What turning the file into the effective configuration needs besides the file. */
export interface CompileContext {
  readonly report: Report
  readonly warn: (message: string) => void
  /** Whether the file has the setting; false: its value is a default. */
  readonly isGiven: (path: Path) => boolean
  readonly types: readonly ProviderTypeInfo[]
  /** Whether a package that is not ours can be loaded. */
  readonly hasPackage: (name: string) => boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths of the file start here. */
  readonly folder: string
}

// A timer set for longer than this fires at once.
const maxTimerMs = 2 ** 31 - 1

/** A duration that a timer will wait for. */
export function timerMs(text: string, path: Path, context: CompileContext): number {
  const ms = parseDuration(text)
  if (ms > maxTimerMs)
    context.report(path, 'this is too long: at most 24d can be waited for. Lower it.')
  return ms
}

/** Reports every item that was there before; `nameOf` gives what must be unique. */
export function reportRepeated<T>(
  items: readonly T[],
  nameOf: (item: T) => string | undefined,
  onRepeat: (index: number, first: number) => void,
): void {
  const seen = new Map<string, number>()
  items.forEach((item, i) => {
    const name = nameOf(item)
    const first = name === undefined ? undefined : seen.get(name)
    if (first !== undefined) onRepeat(i, first)
    else if (name !== undefined) seen.set(name, i)
  })
}
