import type { Gateway } from '../support/start-gateway.ts'

const limitMs = 10_000

/** The ids of the jobs whose end a gateway says it stored, once for each time it says so. */
export function storedRuns(stderr: string): readonly string[] {
  return stderr.split('\n').flatMap((line) => {
    // The banner is text, and a killed process leaves half a line.
    if (!line.startsWith('{') || !line.endsWith('}')) return []
    const { step, job, outcome } = JSON.parse(line) as Readonly<Record<string, unknown>>
    const isStored = step === 'run' && (outcome === 'completed' || outcome === 'failed')
    return isStored ? [String(job)] : []
  })
}

/** Waits until the log tells of the end of all these jobs; answers those that it does not tell of. */
export async function missingRuns(
  gateway: Gateway,
  ids: readonly string[],
): Promise<readonly string[]> {
  const until = performance.now() + limitMs
  for (;;) {
    const stored = new Set(storedRuns(gateway.stderr()))
    const missing = ids.filter((id) => !stored.has(id))
    if (missing.length === 0 || performance.now() > until) return missing
    // Lines are written ten times a second; nothing tells of them but the stream that is read here.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
