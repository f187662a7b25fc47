import type { LoggedCall } from '../../store/logged-call.ts'
import type { RequestLog } from '../../store/request-log.ts'
import type { LogFilter, LogPlace } from '../../store/request-log-filter.ts'
import { csvText } from './csv.ts'
import { showLogged } from './log-shown.ts'

export interface ExportQuestion {
  readonly filter: LogFilter
  readonly after: LogPlace | null
  readonly limit: number
}

const perPage = 500

/** Everything that is known of each call, a line each. */
export async function* exportedLines(
  log: Pick<RequestLog, 'export'>,
  question: ExportQuestion,
): AsyncGenerator<string> {
  for await (const lines of eachPage(question, async (after, limit) => {
    const { texts, next } = await log.export(question.filter, after, limit)
    return { found: texts, next }
  }))
    yield `${lines.join('\n')}\n`
}

/** What lists show of each call, as a table. */
export async function* exportedCsv(
  log: Pick<RequestLog, 'find'>,
  question: ExportQuestion,
): AsyncGenerator<string> {
  yield csvText([columns])
  for await (const calls of eachPage(question, async (after, limit) => {
    const { calls: found, next } = await log.find(question.filter, after, limit)
    return { found, next }
  }))
    yield csvText(calls.map(rowOf))
}

async function* eachPage<Item>(
  { after, limit }: ExportQuestion,
  ask: (
    after: LogPlace | null,
    limit: number,
  ) => Promise<{ readonly found: readonly Item[]; readonly next: LogPlace | null }>,
): AsyncGenerator<readonly Item[]> {
  let [place, left] = [after, limit]
  while (left > 0) {
    const { found, next } = await ask(place, Math.min(perPage, left))
    if (found.length > 0) yield found
    left -= found.length
    if (next === null) return
    place = next
  }
}

const columns = [
  'id',
  'request_id',
  'started_at',
  'kind',
  'status',
  'error',
  'error_message',
  'key',
  'team_id',
  'customer_id',
  'route',
  'provider',
  'model',
  'user_agent',
  'duration_ms',
  'first_token_ms',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'reasoning_tokens',
  'cost_usd',
  'attempts',
  'fallback',
  'hedged',
  'dimensions',
] as const

function rowOf(call: LoggedCall): readonly (string | number)[] {
  const shown = showLogged(call)
  return columns.map((column) => {
    const value = shown[column]
    if (value === null) return ''
    if (typeof value === 'number') return value
    if (column !== 'dimensions') return String(value)
    return Object.keys(shown.dimensions).length === 0 ? '' : JSON.stringify(value)
  })
}
