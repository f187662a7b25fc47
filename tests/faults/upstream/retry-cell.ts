import type { SeenRequest } from '../../support/upstream-request.ts'
import * as script from '../../support/upstream-script.ts'
import { completion, finish, role, text, usageChunk } from './chunks.ts'
import type { Fault } from './retry-faults.ts'

/**
 * Who else there is: `once` one key of one provider, which is well again after its first failure; `one bad` three keys, of
 * which the first that is asked fails; `all bad` three keys that all fail.
 */
export const setups = ['one', 'once', 'one bad', 'all bad', 'two targets', 'fallback'] as const
export type Setup = (typeof setups)[number]

const attemptsAtMost = 6

/** One fault in one setup, for a whole reply or for a stream: a provider of its own, so that no cell disturbs another. */
export interface Cell {
  readonly name: string
  readonly fault: Fault
  readonly setup: Setup
  readonly stream: boolean
  /** What the client asks for. */
  readonly model: string
}

export function listCells(faults: readonly Fault[]): readonly Cell[] {
  const cells: Cell[] = []
  for (const fault of faults)
    for (const setup of setups) {
      // What nobody answers is no key's fault, and lasts.
      if (fault.at && (setup === 'once' || setup === 'one bad')) continue
      for (const stream of [false, true]) {
        if (fault.only && fault.only !== (stream ? 'stream' : 'plain')) continue
        const name = `c${cells.length}`
        const isNamed = setup === 'two targets' || setup === 'fallback'
        cells.push({ name, fault, setup, stream, model: isNamed ? name : `${name}/${name}` })
      }
    }
  return cells
}

interface Addresses {
  readonly up: string
  readonly 'closed port': string
  readonly 'bad certificate': string
}

/** Providers and models of the cells; `spare` always answers. */
export function configFor(cells: readonly Cell[], addresses: Addresses): object {
  const keys = (...names: string[]): object[] =>
    names.map((name) => ({ name, value: `sk-${name}-long-enough` }))
  const provider = ({ fault, setup }: Cell, at: number): object => ({
    type: 'openai-compatible',
    base_url: `${addresses[fault.at ?? 'up']}/v1`,
    keys: setup.endsWith('bad') ? keys('a1', 'a2', 'a3') : keys('a1'),
    timeouts: { ...fault.timeouts },
    retries: { base: '1ms', cap: '5ms' },
    // A pool of connections of its own: which one is reused must not depend on other cells.
    max_concurrency: 100 + at,
  })
  const route = ({ name, setup }: Cell): object =>
    setup === 'fallback'
      ? { targets: [{ model: `${name}/${name}` }], fallbacks: [`spare/${name}`] }
      : { targets: [{ model: `${name}/${name}` }, { model: `spare/${name}` }] }
  const routed = cells.filter(({ model, name }) => model === name)
  return {
    version: 1,
    server: { drain: { delay: '0s' } },
    auth: { inference: 'optional' },
    providers: {
      ...Object.fromEntries(cells.map((cell, at) => [cell.name, provider(cell, at)])),
      spare: {
        ...{ type: 'openai-compatible', base_url: `${addresses.up}/v1`, keys: keys('spare') },
        retries: { base: '1ms', cap: '5ms' },
      },
    },
    models: Object.fromEntries(routed.map((cell) => [cell.name, route(cell)])),
  }
}

export const isSpare = ({ credential }: SeenRequest): boolean =>
  credential?.startsWith('sk-spare') ?? false

/** Bytes of a good answer, whole or streamed, that cost three tokens and two. */
export const goodAnswer = (stream: boolean, content = 'good'): script.Steps =>
  stream
    ? script.sse([role, text(content), finish(), usageChunk(3, 2)])
    : script.json(200, completion(content))

/** What the scripted provider does with the requests of a cell; `warm` before the call that counts. */
export function scriptOf({ fault, setup, stream }: Cell): {
  readonly warm: script.Steps
  readonly play: (request: SeenRequest) => script.Steps
} {
  // The first request of these is met by the connection, not by a script.
  let failures = fault.reused ? 1 : 0
  let bad: string | undefined
  const fails = (request: SeenRequest): boolean => {
    if (isSpare(request)) return false
    bad ??= request.credential
    if (setup === 'once') return failures++ === 0
    return setup !== 'one bad' || request.credential === bad
  }
  return {
    warm: [goodAnswer(stream), script.dropNextRequest(fault.reused)],
    play: (request) => (fails(request) ? (fault.steps ?? []) : goodAnswer(stream)),
  }
}

export interface Expected {
  readonly isAnswered: boolean
  /** Calls of each key of the failing provider, most first. */
  readonly perKey: readonly number[]
  readonly spare: number
}

/** What must come of a cell, by the table alone. */
export function expectedOf({ fault, setup }: Cell): Expected {
  const { perKey, otherKey, nextTarget, lastWayOnly } = fault
  const others = lastWayOnly ? 1 : perKey
  switch (setup) {
    case 'one':
      return { isAnswered: false, perKey: [perKey], spare: 0 }
    case 'once':
      return perKey > 1
        ? { isAnswered: true, perKey: [2], spare: 0 }
        : { isAnswered: false, perKey: [1], spare: 0 }
    case 'one bad':
      return otherKey
        ? { isAnswered: true, perKey: [others, 1], spare: 0 }
        : { isAnswered: false, perKey: [perKey], spare: 0 }
    case 'all bad':
      return { isAnswered: false, perKey: otherKey ? ofThreeKeys(fault) : [perKey], spare: 0 }
    default:
      return nextTarget
        ? { isAnswered: true, perKey: [others], spare: 1 }
        : { isAnswered: false, perKey: [perKey], spare: 0 }
  }
}

function ofThreeKeys({ perKey, lastWayOnly, reused }: Fault): number[] {
  if (lastWayOnly) return [perKey, 1, 1]
  // Only the first of them meets a connection that was used.
  if (reused) return [perKey, 1, 1]
  const counts: number[] = []
  for (let left = attemptsAtMost; left > 0 && counts.length < 3; left -= perKey)
    counts.push(Math.min(perKey, left))
  return counts
}
