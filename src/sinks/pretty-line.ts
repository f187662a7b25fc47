const colors: Readonly<Record<string, number>> = {
  warn: 33,
  error: 31,
  fatal: 31,
  debug: 90,
  trace: 90,
}

/** One line of JSON log, for people: time, level, message, then the rest as name=value. */
export function prettyLine(json: string, color: boolean): string {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const { time, level, msg, ...rest } = record
  const code = colors[String(level)]
  const shown = String(level).toUpperCase().padEnd(5)
  const fields = Object.entries(rest).map(
    ([name, value]) =>
      `${name}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
  )
  const word = color && code !== undefined ? `\u001b[${code}m${shown}\u001b[0m` : shown
  const text = [String(msg ?? ''), ...(fields.length > 0 ? [fields.join(' ')] : [])].join('  ')
  return `${String(time).slice(11, 23)} ${word} ${printable(text)}\n`
}

/** Names of models come from outside, and a terminal obeys control characters. */
const printable = (text: string): string =>
  text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
