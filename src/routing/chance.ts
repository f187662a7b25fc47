import type { Chance } from './plan.ts'

/** Chance for a call: of its session where it has one, so that every call of it draws the same. */
export const chanceFor = (session: string | null, random: () => number): Chance =>
  session === null
    ? random
    : Object.assign((name: string) => spread(`${session}\n${name}`), { sticks: true })

/** A text as an evenly spread number from 0 to, not including, 1: FNV-1a, then mixed as MurmurHash3 ends. */
function spread(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
