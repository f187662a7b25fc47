import type { Fields } from './ask-gateway.ts'

/** What a terminal would obey instead of show: names, labels and messages are a caller's text. */
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

const text = (value: unknown): string =>
  value === null || value === undefined || value === '' ? '-' : String(value).replace(controls, '?')

const callColumns = [
  'TIME',
  'STATUS',
  'KIND',
  'KEY',
  'MODEL',
  'TOOK',
  'TOKENS',
  'COST',
  'ID',
] as const

/** Calls as aligned columns below a head; one sentence where there is none. */
export function renderCalls(calls: readonly Fields[]): string {
  if (calls.length === 0) return 'There are no such calls.\n'
  return table([callColumns, ...calls.map(cellsOf)])
}

/** One call as it ends, in columns of a fixed width. */
export function renderCall(call: Fields): string {
  const widths = [24, 6, 6, 12, 24, 9, 12, 10]
  const cells = cellsOf(call).map((cell, i) => cell.padEnd(widths[i] ?? 0))
  const message = call['error'] === null ? '' : `  ${text(call['error'])}`
  return `${cells.join(' ')}${message}\n`
}

function cellsOf(call: Fields): readonly string[] {
  const model = call['provider'] === null ? call['route'] : `${call['provider']}/${call['model']}`
  const fallback = Number(call['fallback']) > 0 ? ` (fallback ${call['fallback']})` : ''
  return [
    text(call['started_at']),
    text(call['status']),
    text(call['kind']),
    text(call['key']),
    `${text(model)}${fallback}`,
    inSeconds(Number(call['duration_ms'])),
    `${text(call['input_tokens'])}>${text(call['output_tokens'])}`,
    call['cost_usd'] === null ? '-' : `$${text(call['cost_usd'])}`,
    text(call['id']),
  ]
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`

/** Everything that is known of one call: a line each, its attempts, and what was said. */
export function renderDetail(call: Fields): string {
  const { attempts, content: _, ...record } = call['record'] as Fields
  const facts = { id: call['id'], started_at: call['started_at'], ...record }
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  const lines = Object.entries(facts).map(
    ([name, value]) => `${text(name).padEnd(width)}  ${shown(value)}`,
  )
  for (const [i, attempt] of (attempts as readonly Fields[]).entries())
    lines.push(`${`attempt ${i + 1}`.padEnd(width)}  ${shown(attempt)}`)
  lines.push(`${'content'.padEnd(width)}  ${text(call['content'])}`)
  for (const part of ['request', 'reply'] as const) {
    const body = call[part] as Fields | null
    if (body === null) continue
    const note = body['truncated'] === true ? `, of ${body['size_bytes']} bytes the beginning` : ''
    lines.push('', `${part}${note}`, ...String(body['text']).split('\n').map(text))
  }
  return `${lines.join('\n')}\n`
}

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? text(JSON.stringify(value)) : text(value)

/** What was used, by the names it was asked by. */
export function renderUsage(sums: readonly Fields[], total: Fields, by: readonly string[]): string {
  const head = [...by.map((name) => name.toUpperCase()), 'CALLS', 'INPUT', 'OUTPUT', 'COST']
  const hasTime = sums.some(({ at }) => typeof at === 'string')
  const row = (sum: Fields, names: readonly string[]): readonly string[] => [
    ...(hasTime ? [text(sum['at'])] : []),
    ...names,
    ...[sum['calls'], sum['input_tokens'], sum['output_tokens']].map(text),
    `$${text(sum['cost_usd'])}`,
  ]
  const rows = sums.map((sum) =>
    row(
      sum,
      by.map((name) => text(sum[`${name}_name`] ?? sum[name])),
    ),
  )
  const last = row(
    { ...total, at: 'total' },
    by.map((_, i) => (i === 0 && !hasTime ? 'total' : '')),
  )
  return table([hasTime ? ['TIME', ...head] : head, ...rows, last])
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
