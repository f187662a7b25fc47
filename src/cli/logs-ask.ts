import { parseDuration } from '../config/units.ts'
import { UsageError } from './usage-error.ts'

const actions = ['list', 'tail', 'show'] as const

/** Flags that become conditions of the same name, each with several values between commas. */
const names = ['key', 'provider', 'model', 'route', 'error', 'status', 'kind'] as const
export const logFlags = [...names, 'search', 'since', 'limit', 'after'] as const
type LogFlag = (typeof logFlags)[number]
type Given<Flag extends string> = { readonly [name in Flag | 'url']: string | undefined }

export interface LogsAsk {
  readonly action: (typeof actions)[number]
  /** Null but for `show`. */
  readonly id: string | null
  /** What the gateway is asked with, without the time. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** How far back; null: as far as there is. */
  readonly sinceMs: number | null
  /** Where the gateway is; null: where the configuration says. */
  readonly url: string | null
}

/** Reads what stands behind `logs` on the command line. Throws a UsageError; values are checked by the gateway. */
export function parseLogsAsk(words: readonly string[], flags: Given<LogFlag>): LogsAsk {
  const [word = 'list', id, ...rest] = words
  const action = actions.find((each) => each === word)
  if (action === undefined)
    throw new UsageError(
      `There is no sluice logs ${word}. It is sluice logs, sluice logs tail or sluice logs show ID.`,
      2,
    )
  if (action === 'show' ? id === undefined || rest.length > 0 : id !== undefined)
    throw new UsageError(
      action === 'show'
        ? 'sluice logs show needs the id of one call: sluice logs shows them.'
        : `sluice logs ${action} takes no ${JSON.stringify(id)}.`,
      2,
    )
  const given = logFlags.filter((flag) => flags[flag] !== undefined)
  if (action !== 'list' && given.length > 0)
    throw new UsageError(`--${given[0]} belongs to sluice logs without ${action}.`, 2)
  return {
    action,
    id: id ?? null,
    query: [
      ...names.flatMap((name) =>
        (flags[name] ?? '').split(',').flatMap((value) => (value ? [[name, value] as const] : [])),
      ),
      ...(['search', 'limit', 'after'] as const).flatMap((name) =>
        flags[name] === undefined ? [] : [[name, flags[name]] as const],
      ),
    ],
    sinceMs: readSince(flags.since),
    url: flags.url ?? null,
  }
}

export const usageFlags = ['by', 'bucket', 'since'] as const

export interface UsageAsk {
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly by: readonly string[]
  readonly sinceMs: number | null
  readonly url: string | null
}

/** The same for `usage`. */
export function parseUsageAsk(
  words: readonly string[],
  { by = 'key', bucket, since, url }: Given<(typeof usageFlags)[number]>,
): UsageAsk {
  if (words.length > 0)
    throw new UsageError('sluice usage takes flags alone, such as --by key,model.', 2)
  return {
    by: by.split(','),
    query: [['by', by], ...(bucket === undefined ? [] : [['bucket', bucket] as const])],
    sinceMs: readSince(since),
    url: url ?? null,
  }
}

function readSince(text: string | undefined): number | null {
  if (text === undefined) return null
  try {
    return parseDuration(text)
  } catch {
    throw new UsageError('--since is how long ago, such as 15m, 24h or 7d.', 2)
  }
}
