import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

type Answer = Parameters<Parameters<LookupFunction>[2]>

/**
 * Asks once for a name, however many wait for it. The system's resolver takes one of four threads for each question, so a
 * name that is slow to resolve would else hold up all others.
 */
export function shareLookups(
  lookup: LookupFunction = systemLookup as LookupFunction,
): LookupFunction {
  const waiting = new Map<string, ((...answer: Answer) => void)[]>()
  return (hostname, options, callback) => {
    const key = JSON.stringify([
      hostname,
      options.family,
      options.hints,
      options.all,
      options.order,
    ])
    const others = waiting.get(key)
    if (others) {
      others.push(callback)
      return
    }
    const all = [callback]
    waiting.set(key, all)
    lookup(hostname, options, (...answer) => {
      waiting.delete(key)
      for (const each of all) each(...answer)
    })
  }
}
