import type { Gateway } from '../support/start-gateway.ts'

export type LogLine = Readonly<Record<string, unknown>>

const limitMs = 10_000

/** The first line of the gateway's log that fits, waiting for it where it is not written yet. */
export async function logLine(
  gateway: Gateway,
  fits: (line: LogLine) => boolean,
): Promise<LogLine> {
  const until = performance.now() + limitMs
  for (;;) {
    const found = gateway.stderr().split('\n').slice(0, -1).flatMap(parse).find(fits)
    if (found) return found
    if (performance.now() > until)
      throw new Error(`no such line in the log within ${limitMs} ms:\n${gateway.stderr()}`)
    // Lines are written ten times a second; nothing tells of them but the stream that the gateway reads.
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const callRecord = (gateway: Gateway, id: string): Promise<LogLine> =>
  logLine(gateway, ({ call }) => call === id)

/** The banner is text among lines of JSON. */
function parse(line: string): LogLine[] {
  if (!line.startsWith('{')) return []
  return [JSON.parse(line) as LogLine]
}
