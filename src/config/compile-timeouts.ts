import { type CompileContext, timerMs } from './compile-context.ts'
import type { ProviderConfig, TimeoutsConfig } from './config.ts'
import type { RawProvider } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'
import { parseDuration } from './units.ts'

type Timeouts = RawProvider['timeouts']
type Timeout = keyof Timeouts

/** What each limit lies within: a longer one would never be reached. */
const within: Readonly<Partial<Record<Timeout, readonly Timeout[]>>> = {
  connect: ['first_byte', 'first_token', 'total', 'stream_total', 'job'],
  first_byte: ['first_token', 'total', 'stream_total', 'job'],
  first_token: ['stream_total'],
  idle: ['stream_total'],
}

export function compileTimeouts(
  { timeouts }: RawProvider,
  provider: Path,
  context: CompileContext,
): TimeoutsConfig {
  const path = [...provider, 'timeouts']
  const ms = (name: Timeout, text: string): number => timerMs(text, [...path, name], context)
  const { first_byte, first_token } = timeouts
  for (const [inner, outers] of Object.entries(within))
    reportUnreachable(inner as Timeout, outers, timeouts, path, context)
  return {
    connectMs: ms('connect', timeouts.connect),
    firstByteMs: first_byte === undefined ? null : ms('first_byte', first_byte),
    firstTokenMs: first_token === undefined ? null : ms('first_token', first_token),
    idleMs: ms('idle', timeouts.idle),
    totalMs: ms('total', timeouts.total),
    streamTotalMs: ms('stream_total', timeouts.stream_total),
    jobMs: ms('job', timeouts.job),
  }
}

/** Only two limits that were both given contradict each other: a default gives way, since the shorter one ends the call. */
function reportUnreachable(
  inner: Timeout,
  outers: readonly Timeout[],
  timeouts: Timeouts,
  path: Path,
  { report, isGiven }: CompileContext,
): void {
  const own = timeouts[inner]
  if (own === undefined || !isGiven([...path, inner])) return
  let shortest: readonly [name: Timeout, text: string] | null = null
  for (const outer of outers) {
    const text = timeouts[outer]
    if (text === undefined || !isGiven([...path, outer])) continue
    if (parseDuration(text) < parseDuration(shortest?.[1] ?? own)) shortest = [outer, text]
  }
  if (shortest === null) return
  const [outer, text] = shortest
  report(
    [...path, inner],
    `${showPath([...path, inner])} is ${own}, but ${outer} ends the call after ${text}. Lower ${inner} to ${text} or less, or raise ${outer}.`,
  )
}

export function compileRetries(
  { retries }: RawProvider,
  provider: Path,
  context: CompileContext,
): ProviderConfig['retries'] {
  const path = [...provider, 'retries']
  const base = timerMs(retries.base, [...path, 'base'], context)
  const cap = timerMs(retries.cap, [...path, 'cap'], context)
  const isGiven = (name: string): boolean => context.isGiven([...path, name])
  if (base > cap && isGiven('base') && isGiven('cap'))
    context.report(
      [...path, 'base'],
      `${showPath([...path, 'base'])} is ${retries.base}, but no wait is longer than cap, ${retries.cap}. Lower base, or raise cap.`,
    )
  // Of the two the one that was given holds, and the other's default gives way.
  return {
    max: retries.max,
    baseMs: isGiven('base') ? base : Math.min(base, cap),
    capMs: isGiven('cap') ? cap : Math.max(base, cap),
  }
}
