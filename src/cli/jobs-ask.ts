import { nearestName } from '../config/nearest.ts'
import { jobStatuses } from '../core/job.ts'
import { UsageError } from './usage-error.ts'

const actions = ['list', 'show', 'cancel'] as const

export interface JobsAsk {
  readonly action: (typeof actions)[number]
  /** Null for a list. */
  readonly id: string | null
  readonly filter: { readonly status?: string; readonly limit?: string; readonly after?: string }
  /** Where the gateway is; null: where the configuration says. */
  readonly url: string | null
}

/** Reads what stands behind `jobs` on the command line. Throws a UsageError. */
export function parseJobsAsk(
  words: readonly string[],
  flags: { readonly [name in 'status' | 'limit' | 'after' | 'url']: string | undefined },
): JobsAsk {
  const [word, id, ...rest] = words
  const action = actions.find((each) => each === word)
  if (action === undefined) throw misuse(word)
  if (action === 'list' && id !== undefined) throw misuse(`list ${id}`)
  if (action !== 'list' && (id === undefined || rest.length > 0))
    throw new UsageError(
      `sluice jobs ${action} needs one job's id: sluice jobs list shows them.`,
      2,
    )
  const { url, ...filters } = flags
  const given = Object.entries(filters).filter(([, value]) => value !== undefined)
  if (action !== 'list' && given.length > 0)
    throw new UsageError(`--${given[0]?.[0]} belongs to sluice jobs list alone.`, 2)
  return {
    action,
    id: id ?? null,
    filter: checkFilter(Object.fromEntries(given)),
    url: url === undefined ? null : checkUrl(url),
  }
}

function misuse(words: string | undefined): UsageError {
  const uses = 'It is sluice jobs list, sluice jobs show ID or sluice jobs cancel ID.'
  if (words === undefined) return new UsageError(uses, 2)
  return new UsageError(`There is no sluice jobs ${words}. ${uses}`, 2)
}

function checkFilter(filter: JobsAsk['filter']): JobsAsk['filter'] {
  const { status, limit } = filter
  if (status !== undefined && !jobStatuses.some((each) => each === status)) {
    const nearest = nearestName(status, jobStatuses)
    const hint = nearest ? ` Did you mean ${nearest}?` : ''
    throw new UsageError(`--status is one of ${jobStatuses.join(', ')}.${hint}`, 2)
  }
  if (limit !== undefined && !/^([1-9]\d?|100)$/.test(limit))
    throw new UsageError('--limit is a number from 1 to 100.', 2)
  return filter
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--url is the gateway's address, such as http://127.0.0.1:8080.`, 2)
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
