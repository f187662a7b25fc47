/**
 * RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe before it: names come from whoever
 * makes keys and calls models.
 */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

function cell(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const inert = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value
  return inert === value && !/[",\r\n]/.test(value) ? value : `"${inert.replaceAll('"', '""')}"`
}
