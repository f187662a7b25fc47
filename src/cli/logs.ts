import { type LoadOptions, loadConfig } from '../config/load.ts'
import {
  askGateway,
  describeAnswer,
  type Fields,
  findGateway,
  type GatewayAddress,
} from './ask-gateway.ts'
import { followGateway } from './follow-gateway.ts'
import type { LogsAsk, UsageAsk } from './logs-ask.ts'
import { renderCall, renderCalls, renderDetail, renderUsage } from './logs-text.ts'
import { UsageError } from './usage-error.ts'

interface Options<Ask> extends LoadOptions {
  readonly ask: Ask
  /** As it was answered, one JSON object per line. */
  readonly json: boolean
  readonly stdout: { write(text: string): unknown }
}

/** How often a list is asked on where the gateway found too little in one go. */
const pagesAtMost = 50

/** Shows calls of the running gateway. Throws a UsageError with one paragraph. */
export async function runLogs(options: Options<LogsAsk>): Promise<void> {
  const { ask, json, stdout } = options
  const gateway = findGateway(loadConfig(options), ask.url, options.env)
  if (ask.action === 'show') {
    const call = await get(gateway, `/api/logs/${encodeURIComponent(ask.id ?? '')}`)
    stdout.write(json ? `${JSON.stringify(call)}\n` : renderDetail(call))
  } else if (ask.action === 'tail') {
    for await (const calls of followGateway(gateway, '/api/logs/tail'))
      for (const call of calls) stdout.write(json ? `${JSON.stringify(call)}\n` : renderCall(call))
  } else {
    const { calls, next } = await list(gateway, ask)
    if (json) for (const call of calls) stdout.write(`${JSON.stringify(call)}\n`)
    else
      stdout.write(
        `${renderCalls(calls)}${next ? `\nOlder ones: the same with --after ${next}\n` : ''}`,
      )
  }
}

/** Shows what was used. Throws a UsageError with one paragraph. */
export async function runUsage(options: Options<UsageAsk>): Promise<void> {
  const { ask, json, stdout } = options
  const gateway = findGateway(loadConfig(options), ask.url, options.env)
  const query = queryOf([...ask.query, ...sinceOf(ask)])
  const page = await get(gateway, `/api/usage?${query}`)
  const sums = page['data'] as readonly Fields[]
  if (json) for (const sum of sums) stdout.write(`${JSON.stringify(sum)}\n`)
  else stdout.write(renderUsage(sums, page['total'] as Fields, ask.by))
}

type Pairs = LogsAsk['query']

const queryOf = (pairs: Pairs): URLSearchParams =>
  new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]))

const sinceOf = ({ sinceMs }: Pick<LogsAsk, 'sinceMs'>): Pairs =>
  sinceMs === null ? [] : [['from', new Date(Date.now() - sinceMs).toISOString()]]

/** A page may be short because looking on would have taken too long: then it is asked on. */
async function list(
  gateway: GatewayAddress,
  ask: LogsAsk,
): Promise<{ readonly calls: readonly Fields[]; readonly next: string | null }> {
  const since = sinceOf(ask)
  const wanted = Number(ask.query.find(([name]) => name === 'limit')?.[1] ?? 20)
  const fixed = ask.query.filter(([name]) => name !== 'limit' && name !== 'after')
  const calls: Fields[] = []
  let after = ask.query.find(([name]) => name === 'after')?.[1] ?? null
  for (let page = 0; page < pagesAtMost; page++) {
    const query = queryOf([...fixed, ...since])
    query.set('limit', String(wanted - calls.length))
    if (after !== null) query.set('after', after)
    const found = await get(gateway, `/api/logs?${query}`)
    calls.push(...(found['data'] as readonly Fields[]))
    after = found['next'] as string | null
    if (after === null || calls.length >= wanted) break
  }
  return { calls, next: after }
}

async function get(gateway: GatewayAddress, path: string): Promise<Fields> {
  const answer = await askGateway(gateway, 'GET', path)
  if (answer.ok && answer.body !== null) return answer.body
  if (answer.status === 404 && path.startsWith('/api/logs/'))
    throw new UsageError(
      `There is no such call in the log of ${gateway.url}. It was never made, or is no longer kept: sluice logs shows those that are.`,
      1,
    )
  throw describeAnswer(answer, gateway, 'a request log')
}
