import type { Attempt, Call } from '../core/call.ts'

/** One that answered stands last; a stream may still have broken off after it. */
export function hedgeOutcomeOf(
  hedge: Attempt,
  { attempts, firstTokenMs }: Call,
): 'won' | 'lost' | 'failed' {
  const { error } = hedge
  if (hedge === attempts.at(-1)) return error === null || firstTokenMs !== null ? 'won' : 'failed'
  // It may have had its answer ready in the moment in which the other one's came.
  return error === null || error.code === 'outrun' ? 'lost' : 'failed'
}

/** In which at least one attempt was under way. */
export function waitedMsOf(attempts: readonly Attempt[]): number {
  let [waitedMs, untilMs] = [0, 0]
  const inOrder = attempts.length < 2 ? attempts : attempts.toSorted(byStart)
  for (const { startedMs, endedMs } of inOrder) {
    const endMs = endedMs ?? startedMs
    waitedMs += Math.max(0, endMs - Math.max(startedMs, untilMs))
    untilMs = Math.max(untilMs, endMs)
  }
  return waitedMs
}

const byStart = (a: Attempt, b: Attempt): number => a.startedMs - b.startedMs
