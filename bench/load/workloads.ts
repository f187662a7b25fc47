// What is sent, how often, and for how long.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { residentKb, runToEnd } from '../processes.ts'
import { type BodyName, bodyFile } from './bodies.ts'
import type { Bench, Variant } from './variants.ts'

/** Without `rate`, closed loop: every connection always has a request under way. */
interface Traffic {
  readonly body: BodyName
  readonly connections: number
  readonly warmS: number
  readonly measuredS: number
  /** Open loop: requests per second that are due, whatever happens. */
  readonly rate?: number
  /** The window opens once every connection has a reply under way. */
  readonly awaitAll?: boolean
}

export interface Workload extends Traffic {
  readonly id: string
  readonly title: string
  readonly unit: 'request' | 'stream'
  /** Its share of the time there is, relative to the others'. */
  readonly share: number
  /** Of calls that are translated: see `translatingVariants`. */
  readonly isTranslation?: true
}

/** One measured window; the load client's figures, times in microseconds. */
export interface Window {
  readonly requests: number
  readonly events: number
  readonly open: number
  readonly rps: number
  readonly cpuUs: number
  readonly util: number
  readonly p50: number
  readonly p99: number
  readonly first50: number
  readonly first99: number
  readonly errors: number
  readonly notOk: number
  readonly rssKb: number
  readonly latencies?: readonly number[]
  readonly firstBytes?: readonly number[]
  /** CPU of one request, or of one stream of 50 events. */
  readonly cost: number
}

export type Results = Map<Variant, (Window | undefined)[]>

const eventsPerStream = 50

export const workloads: readonly Workload[] = [
  {
    id: 'json_1k',
    title: 'JSON, 1 KB request, saturated (64 connections)',
    unit: 'request',
    share: 17,
    body: 'small',
    connections: 64,
    warmS: 0.1,
    measuredS: 0.35,
  },
  {
    id: 'json_20k',
    title: 'JSON, 20 KB request, saturated (64 connections)',
    unit: 'request',
    share: 13,
    body: 'medium',
    connections: 64,
    warmS: 0.1,
    measuredS: 0.35,
  },
  {
    id: 'json_1m',
    title: 'JSON, 1 MB request, saturated (16 connections)',
    unit: 'request',
    share: 11,
    body: 'big',
    connections: 16,
    warmS: 0.15,
    measuredS: 0.5,
  },
  {
    id: 'rate_500',
    title: 'JSON, 1 KB request, 500 requests/s, open loop',
    unit: 'request',
    share: 15,
    body: 'small',
    connections: 64,
    rate: 500,
    warmS: 0.15,
    measuredS: 0.7,
  },
  {
    id: 'stream',
    title: 'SSE, 50 events 20 ms apart, 100 new streams/s, open loop',
    unit: 'stream',
    share: 25,
    body: 'stream20',
    connections: 400,
    rate: 100,
    warmS: 1.05,
    measuredS: 0.8,
  },
  {
    id: 'translate_json',
    title: 'Translated (base: passed through): JSON, 1 KB request, saturated',
    unit: 'request',
    share: 16,
    body: 'small',
    connections: 64,
    warmS: 0.1,
    measuredS: 0.35,
    isTranslation: true,
  },
  {
    id: 'translate_stream',
    title: 'Translated (base: passed through): SSE, 50 events 20 ms apart, 100 new streams/s',
    unit: 'stream',
    share: 32,
    body: 'stream20',
    connections: 400,
    rate: 100,
    warmS: 1.05,
    measuredS: 0.8,
    isTranslation: true,
  },
]

async function runLoad(bench: Bench, variant: Variant, args: readonly (string | number)[]) {
  const common = ['-p', variant.port, '-P', variant.pids().join(',')]
  const headers = variant.headers.flatMap((line) => ['-H', line])
  const all = [...common, ...args, ...headers].map(String)
  const text = await runToEnd(path.join(bench.work, 'load'), all, bench.cores.load)
  return JSON.parse(text) as Omit<Window, 'cost'>
}

export async function measureWindow(bench: Bench, variant: Variant, traffic: Traffic) {
  const { body, connections, warmS, measuredS, rate, awaitAll } = traffic
  const args = [
    '-f',
    bodyFile(bench.work, body, variant.dialect),
    '-c',
    connections,
    '-w',
    warmS,
    '-d',
    measuredS,
  ]
  if (rate) args.push('-r', rate, '-S')
  if (awaitAll) args.push('-A')
  const isStream = body.startsWith('stream')
  if (!isStream) args.push('-D', 2)
  const result = await runLoad(bench, variant, args)
  // The streams that the load client cut off must be gone before the next window begins.
  if (isStream) await sleep(150)
  const units = isStream ? result.events / eventsPerStream : result.requests
  return { ...result, cost: units > 0 ? result.cpuUs / units : Number.NaN }
}

/** One connection that asks for the list of models over and over. */
export async function measureModels(bench: Bench, variant: Variant, measuredS: number) {
  const args = ['-G', '-u', '/v1/models', '-c', 1, '-w', 0.3, '-d', measuredS]
  const result = await runLoad(bench, variant, args)
  return {
    p50Us: result.p50,
    p99Us: result.p99,
    cpuUs: result.requests > 0 ? result.cpuUs / result.requests : Number.NaN,
    requests: result.requests,
    errors: result.errors + result.notOk,
  }
}

/** Memory of open slow streams, as the growth of the resident set per stream. */
export async function measureMemory(bench: Bench, variant: Variant, streams: number) {
  const warmUp = { connections: 10, warmS: 0.1, measuredS: 0.5 }
  await measureWindow(bench, variant, { body: 'stream20', ...warmUp })
  const before = residentKb(variant.pids())
  const open = await measureWindow(bench, variant, {
    body: 'stream400',
    connections: streams,
    awaitAll: true,
    warmS: 6,
    measuredS: 0.5,
  })
  return {
    streams,
    open: open.open,
    idleMb: before / 1024,
    loadedMb: open.rssKb / 1024,
    kbPerStream: (open.rssKb - before) / streams,
    errors: open.errors + open.notOk,
  }
}

/** A fixed order for everybody's runs, another for each round: no fixed neighbours. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const left = [...list]
  const order: T[] = []
  let state = seed * 2654435761 + 12345
  while (left.length > 0) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    order.push(...left.splice((state >>> 16) % left.length, 1))
  }
  return order
}

/**
 * Whole rounds until another one would not fit into `budgetMs`, at least one. The peer is far from
 * the rest and its ratios need less precision: it takes part in every second round.
 */
export async function runWorkload(
  bench: Bench,
  workload: Workload,
  variants: readonly Variant[],
  budgetMs: number,
): Promise<Results> {
  const results: Results = new Map(variants.map((variant) => [variant, []]))
  const began = performance.now()
  for (let round = 0; round < 40; round++) {
    for (const variant of shuffled(variants, round)) {
      if (variant.role === 'peer' && round % 2 === 1) continue
      const windows = results.get(variant)
      if (windows) windows[round] = await measureWindow(bench, variant, workload)
    }
    const spentMs = performance.now() - began
    if (spentMs + spentMs / (round + 1) > budgetMs) break
  }
  return results
}
