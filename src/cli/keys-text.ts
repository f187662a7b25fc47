import type { Fields } from './ask-gateway.ts'

/** What a terminal would obey instead of show. */
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Keys as aligned columns below a head; one sentence where there is none. */
export function renderKeyList(keys: readonly Fields[]): string {
  if (keys.length === 0) return 'There are no virtual keys.\n'
  const rows = [
    ['NAME', 'KEY', 'STATE', 'TEAM', 'FROM', 'ID'],
    ...keys.map((key) => [
      text(key['name']),
      text(key['hint']),
      stateOf(key),
      text(key['team'] ?? '-'),
      text(key['managed_by'] === 'file' ? 'file' : key['origin']),
      text(key['id']),
    ]),
  ]
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function stateOf(key: Fields): string {
  if (key['shadowed'] === true) return 'shadowed'
  const ends = key['expires_at']
  if (typeof ends === 'string' && Date.parse(ends) <= Date.now()) return 'expired'
  return key['enabled'] === true ? 'enabled' : 'disabled'
}

const text = (value: unknown): string => String(value).replace(controls, '?')
