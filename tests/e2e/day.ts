// A day of production in minutes: outages, slow keys, waves of 429, restarts.
//   node tests/e2e/day.ts --seconds 300 --rate 40
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { openBalancer } from './balancer.ts'
import { answerAt, spellAt, tokensEach } from './day-weather.ts'
import { describeFailures, LoadClient, type Outcome, quantileMs } from './load-client.ts'

export interface DayOptions {
  readonly seconds: number
  /** Calls begun each second; each second one is a stream. */
  readonly rate: number
  /** After how many hours a gateway is restarted; 0: never. */
  readonly restartEvery: number
}

export interface Day {
  readonly outcomes: readonly Outcome[]
  readonly hours: readonly { readonly hour: number; readonly outcomes: readonly Outcome[] }[]
  readonly upstreamCalls: number
  /** What the providers bill, and what reached clients. */
  readonly billedTokens: number
  readonly deliveredTokens: number
  readonly restarts: number
}

const restartWaitMs = 20_000

export async function runDay({ seconds, rate, restartEvery }: DayOptions): Promise<Day> {
  await using east = await startUpstream()
  await using west = await startUpstream()
  const hours = Array.from({ length: 24 }, (_, hour) => ({ hour, outcomes: [] as Outcome[] }))
  let began = performance.now()
  const hourNow = (): number => Math.min(23.99, ((performance.now() - began) / 1000 / seconds) * 24)
  let good = 0
  for (const upstream of [east, west])
    upstream.otherwise((request) => {
      const { steps, good: isGood } = answerAt(hourNow(), request)
      if (isGood) good++
      return steps
    })
  const config = configFor(east, west)
  const gateways = [await startGateway({ config }), await startGateway({ config })]
  let restarts = 0
  try {
    await using balancer = await openBalancer()
    for (const { url } of gateways) await balancer.add(url)
    await using client = new LoadClient(balancer.origin, 200)
    const pending: Promise<void>[] = []
    began = performance.now()
    const outages = new Set<string>()
    let restarting: Promise<void> | null = null
    let restartedAt = 0
    for (let count = 0; performance.now() - began < seconds * 1000; count++) {
      const hour = hourNow()
      await setOutages(hour, { east, west }, outages)
      if (restartEvery > 0 && hour - restartedAt >= restartEvery && !restarting) {
        restartedAt = hour
        restarting = restartOne(gateways, balancer, config).finally(() => {
          restarts++
          restarting = null
        })
      }
      const { outcomes } = hours[Math.floor(hour)] as (typeof hours)[number]
      pending.push(
        client.call('day', count % 2 === 1).then((outcome) => void outcomes.push(outcome)),
      )
      await sleep(Math.max(0, began + (count * 1000) / rate - performance.now()))
    }
    await Promise.all(pending)
    await Promise.race([restarting, sleep(restartWaitMs, undefined, { ref: false })])
  } finally {
    for (const gateway of gateways) await gateway.stop('SIGINT')
  }
  const outcomes = hours.flatMap((each) => each.outcomes)
  return {
    outcomes,
    hours,
    upstreamCalls: east.requests.length + west.requests.length,
    billedTokens: good * tokensEach,
    deliveredTokens: outcomes.reduce((sum, { tokens }) => sum + tokens, 0),
    restarts,
  }
}

async function setOutages(
  hour: number,
  upstreams: Readonly<Record<string, Upstream>>,
  outages: Set<string>,
): Promise<void> {
  const down = spellAt(hour)?.outage
  for (const [name, upstream] of Object.entries(upstreams)) {
    if (name === down && !outages.has(name)) {
      outages.add(name)
      await upstream.crash()
    } else if (name !== down && outages.delete(name)) await upstream.listen()
  }
}

async function restartOne(
  gateways: Gateway[],
  balancer: Awaited<ReturnType<typeof openBalancer>>,
  config: object,
): Promise<void> {
  const old = gateways.shift() as Gateway
  const [next] = await Promise.all([
    old.stop('SIGTERM').then(() => startGateway({ config })),
    balancer.leave(old.url),
  ])
  gateways.push(next)
  await balancer.add(next.url)
}

function configFor(east: Upstream, west: Upstream): object {
  const provider = (name: string, { url }: Upstream): object => ({
    type: 'openai-compatible',
    base_url: `${url}/v1`,
    keys: ['k1', 'k2', 'k3'].map((key) => ({ name: key, value: `sk-${name}-${key}-0123456789` })),
    timeouts: { first_byte: '500ms', first_token: '500ms' },
    retries: { base: '20ms', cap: '200ms' },
  })
  return {
    version: 1,
    server: { drain: { delay: '500ms', grace: '10s' } },
    auth: { inference: 'optional' },
    providers: { east: provider('east', east), west: provider('west', west) },
    models: {
      day: {
        strategy: 'weighted',
        targets: [{ model: 'east/m', weight: 2 }, { model: 'west/m' }],
      },
    },
  }
}

export const successOf = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ isWhole }) => isWhole).length / outcomes.length

function render(day: Day): string {
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
  const lines = day.hours.map(({ hour, outcomes }) => {
    const spell = spellAt(hour)?.what ?? ''
    const failures = describeFailures(outcomes)
    return (
      `${String(hour).padStart(2)} h ${percent(successOf(outcomes)).padStart(9)} of ${String(outcomes.length).padEnd(5)} ` +
      `p99 ${quantileMs(outcomes, 0.99).toFixed(0).padStart(5)} ms  ${spell}${failures === 'none' ? '' : ` [${failures}]`}`
    )
  })
  const attempts = day.outcomes.reduce((sum, each) => sum + each.attempts, 0)
  const wasted = day.billedTokens - day.deliveredTokens
  return [
    ...lines,
    `${day.outcomes.length} calls, ${percent(successOf(day.outcomes))} answered, ${day.restarts} restarts`,
    `attempts: ${attempts} (${(attempts / day.outcomes.length).toFixed(2)} each), upstream calls ${day.upstreamCalls}`,
    `tokens: ${day.billedTokens} billed, ${day.deliveredTokens} delivered, ${wasted} for nothing`,
  ].join('\n')
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '300' },
      rate: { type: 'string', default: '40' },
      'restart-every': { type: 'string', default: '4' },
    },
  })
  const day = await runDay({
    seconds: Number(values.seconds),
    rate: Number(values.rate),
    restartEvery: Number(values['restart-every']),
  })
  console.log(render(day))
}
