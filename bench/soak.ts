// Many mixed calls against a started gateway: does anything grow that should not? See README.md.
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect, parseArgs } from 'node:util'
import { type Server, serverRoots, startServer, stopAll, waitForLine } from './processes.ts'
import { sendCall } from './soak/client.ts'
import { type Collector, openCollector, takeSample } from './soak/samples.ts'
import { createChance, type Kind, kinds, pickKind, upstreamErrors } from './soak/traffic.ts'
import { judgeFlat, type Sample, type Trend } from './soak/verdict.ts'
import { markdownTable, rounded } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '200000' },
    'gateway-dir': { type: 'string', default: path.join(import.meta.dirname, '..') },
    concurrency: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
})

const checkpoints = 40
const total = Math.max(checkpoints * 10, Math.trunc(Number(flags.requests)))
const concurrency = Number(flags.concurrency)
const freshShare = 0.1
const idleMs = 5000
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-soak-'))
const cores = os.cpus().length > 1 ? { gateway: String(os.cpus().length - 1), rest: '0' } : null
const keys = {
  good: `sk-bf-${randomUUID()}`,
  tight: `sk-bf-${randomUUID()}`,
  unknown: `sk-bf-${randomUUID()}`,
  none: null,
}
const say = (text: string) => process.stderr.write(`${text}\n`)

/** What came of the calls of one kind. */
interface Tally {
  sent: number
  unexpected: number
  readonly statuses: Map<number, number>
  example: string | null
}

function writeConfig(upstreamPort: number): string {
  const file = path.join(work, 'sluice.yaml')
  // Each failing status has a provider of its own, so that one's breaker does not hide another.
  const names = ['openai', ...upstreamErrors.map((status) => `fails${status}`)]
  const providers = names.map(
    (name) => `  ${name}:
    type: openai-compatible
    base_url: http://127.0.0.1:${upstreamPort}/v1
    keys: [{ name: main, value: "sk-upstream-0123456789abcdef" }]
    retries: { max: 0 }
    max_concurrency: 4096`,
  )
  const price = '{ input_per_million: 2.5, output_per_million: 10 }'
  const text = `version: 1
server: { host: 127.0.0.1 }
auth: { inference: required }
providers:
${providers.join('\n')}
prices:
${names.map((name) => `  ${name}/gpt-4o: ${price}`).join('\n')}
virtual_keys:
  - name: good
    value: "${keys.good}"
    limits: { requests: 100000000/1m, tokens: 1000000000000/1m, concurrency: 4096 }
    budget: { usd: 1000000, per: 1d }
  - name: tight
    value: "${keys.tight}"
    limits: { requests: 60/1m }
`
  fs.writeFileSync(file, text)
  return file
}

async function startBoth() {
  const upstreamScript = fileURLToPath(new URL('./soak/upstream.ts', import.meta.url))
  const upstream = startServer(process.execPath, [upstreamScript], {
    core: cores?.rest ?? null,
    logFile: path.join(work, 'upstream.log'),
  })
  const upstreamLine = await waitForLine(upstream, /listening (\d+)/, 10_000)
  const config = writeConfig(Number(upstreamLine[1]))
  const data = path.join(work, 'data')
  const args = ['--inspect=127.0.0.1:0', 'src/main.ts', '--port', '0']
  args.push('--config', config, '--data-dir', data)
  const gateway = startServer(process.execPath, args, {
    core: cores?.gateway ?? null,
    cwd: path.resolve(flags['gateway-dir']),
    logFile: path.join(work, 'gateway.log'),
  })
  const line = await waitForLine(gateway, /listening on http:\/\/[^\s:]+:(\d+)/, 60_000)
  const port = Number(line[1])
  const [pid = gateway.pid] = serverRoots(gateway.pid, port)
  return { gateway, port, pid }
}

async function runCall(kind: Kind, tally: Tally, port: number, agent: http.Agent | null) {
  tally.sent += 1
  try {
    const { body, manner } = kind
    const outcome = await sendCall({ port, key: keys[kind.key], body, agent, manner })
    tally.statuses.set(outcome.status, (tally.statuses.get(outcome.status) ?? 0) + 1)
    if (kind.isExpected(outcome)) return
    tally.example ??= `${outcome.status} ${outcome.text.slice(-300)}`
  } catch (error) {
    tally.example ??= String(error)
  }
  tally.unexpected += 1
}

/** Sends all calls in steps; between two steps nothing is under way and a sample is taken. */
async function soak(port: number, pid: number, gateway: Server, collector: Collector) {
  const tallies = new Map<Kind, Tally>(
    kinds.map((kind) => [kind, { sent: 0, unexpected: 0, statuses: new Map(), example: null }]),
  )
  const chance = createChance(Number(flags.seed))
  const samples: Sample[] = []
  let sent = 0
  for (let step = 1; step <= checkpoints; step++) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency })
    const until = Math.floor((total * step) / checkpoints)
    const work = async () => {
      while (sent < until) {
        sent += 1
        const kind = pickKind(chance())
        const tally = tallies.get(kind)
        const isFresh = chance() < freshShare
        if (tally) await runCall(kind, tally, port, isFresh ? null : agent)
        if (gateway.ended()) throw new Error('the gateway ended by itself')
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    agent.destroy()
    const sample = await takeSample(pid, port, collector, sent)
    samples.push(sample)
    if (step % (checkpoints / 10) === 0) say(describeSample(sample))
  }
  return { tallies, samples }
}

const toMb = (bytes: number) => (bytes / 2 ** 20).toFixed(1)

function describeSample(sample: Sample): string {
  const { requests, heapBytes, residentBytes, fds, sockets } = sample
  const memory = `heap ${toMb(heapBytes)} MB, resident ${toMb(residentBytes)} MB`
  return `${requests} calls: ${memory}, ${fds} fds, ${sockets} sockets`
}

function print(
  tallies: ReadonlyMap<Kind, Tally>,
  trends: readonly Trend[],
  afterIdle: Sample,
  seconds: number,
): boolean {
  const rows = [...tallies].map(([kind, { sent, statuses, unexpected }]) => {
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`)
    return [kind.name, String(sent), counts.join(', '), String(unexpected)]
  })
  console.log(markdownTable(['calls', 'sent', 'statuses (0 = went away)', 'unexpected'], rows))
  for (const [kind, { example }] of tallies)
    if (example) say(`unexpected, ${kind.name}: ${example}`)
  const show = (figure: string, value: number) =>
    figure.endsWith('Bytes') ? `${toMb(value)} MB` : value.toFixed(0)
  const lines = trends.map(({ figure, early, late, allowed, flat }) => [
    figure.replace('Bytes', ''),
    show(figure, early),
    show(figure, late),
    show(figure, allowed),
    show(figure, afterIdle[figure]),
    flat ? 'flat' : 'NOT FLAT',
  ])
  const head = ['held while idle', '2nd tenth', 'last tenth', 'allowed', 'at the end', 'verdict']
  console.log(`\n${markdownTable(head, lines)}\n`)
  const unexpected = [...tallies.values()].reduce((sum, tally) => sum + tally.unexpected, 0)
  const flat = trends.every((trend) => trend.flat)
  console.log(
    `${flat ? 'flat' : 'not flat'}; ${unexpected} unexpected answers of ${total}; ${seconds.toFixed(0)} s`,
  )
  const kindFacts = [...tallies].map(([kind, tally]) => [
    kind.name,
    {
      sent: tally.sent,
      statuses: Object.fromEntries(tally.statuses),
      unexpected: tally.unexpected,
    },
  ])
  const facts = { soak: 'sluice', version: 1, seed: flags.seed, flat, unexpected, seconds, trends }
  const calls = { requests: total, kinds: Object.fromEntries(kindFacts) }
  console.log(JSON.stringify({ ...(rounded(facts) as object), ...calls }))
  return flat && unexpected === 0
}

async function main(): Promise<number> {
  const beganAt = performance.now()
  say(`${total} calls, ${concurrency} at once, seed ${flags.seed}`)
  const { gateway, port, pid } = await startBoth()
  const collector = await openCollector(gateway)
  const { tallies, samples } = await soak(port, pid, gateway, collector)
  await sleep(idleMs)
  const afterIdle = await takeSample(pid, port, collector, total)
  collector.close()
  const seconds = (performance.now() - beganAt) / 1000
  return print(tallies, judgeFlat(samples, total), afterIdle, seconds) ? 0 : 1
}

async function end(code: number): Promise<never> {
  await stopAll()
  if (flags.keep || code !== 0) say(`logs and generated files: ${work}`)
  else fs.rmSync(work, { recursive: true, force: true })
  process.exit(code)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void end(1))
const code = await main().catch((error: unknown) => {
  say(error instanceof Error && error.name === 'Error' ? error.message : inspect(error))
  return 1
})
await end(code)
