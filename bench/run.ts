// Sluice beside nginx, a bare undici relay and Portkey: interleaved, pinned, as ratios. See README.md.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { measureAborts } from './load/abort.ts'
import { checkAnswers, checkTranslations } from './load/answers.ts'
import { writeBodies } from './load/bodies.ts'
import { describeGoal, type Goal, judgeAborts, judgeGoals } from './load/goals.ts'
import { measureStartUp } from './load/start-up.ts'
import { type Summary, summarise } from './load/summary.ts'
import { type Aborts, abortTable, type Memory, memoryTable, workloadTable } from './load/tables.ts'
import {
  type Bench,
  directVariant,
  startGateway,
  startNginx,
  startPortkey,
  startRelay,
  startUpstream,
  translatingVariants,
  type Variant,
} from './load/variants.ts'
import {
  measureMemory,
  measureModels,
  measureWindow,
  runWorkload,
  type Workload,
  workloads,
} from './load/workloads.ts'
import { hasTaskset, stopAll } from './processes.ts'
import { rounded } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    'gateway-dir': { type: 'string', default: path.join(import.meta.dirname, '..') },
    'anchors-only': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    only: { type: 'string' },
    portkey: { type: 'string', default: path.join(import.meta.dirname, 'peer-portkey') },
    gate: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})

const gatewayDir = path.resolve(flags['gateway-dir'])
const beganAt = performance.now()
const budgetMs = Number(flags.minutes ?? (flags.quick ? 0.75 : 2.6)) * 60_000
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-bench-'))
const cpus = os.cpus().length
const cores =
  cpus > 1 && hasTaskset ? { proxy: String(cpus - 1), load: '0' } : { proxy: null, load: null }

const say = (text: string) => process.stderr.write(`${text}\n`)
const isWanted = (id: string) => !flags.only || flags.only.split(',').includes(id)
const isFarOff = (variant: Variant) => variant.role === 'peer' || variant.role === 'control'

function compile() {
  for (const name of ['upstream', 'load']) {
    const source = path.join(import.meta.dirname, 'c', `${name}.c`)
    const built = spawnSync('cc', ['-O2', '-o', path.join(work, name), source], {
      encoding: 'utf8',
    })
    if (built.error) throw new Error('cc is not installed: the load and the upstream are in C')
    if (built.status !== 0) throw new Error(`cc could not build c/${name}.c: ${built.stderr}`)
  }
}

interface Field {
  readonly bench: Bench
  readonly variants: Variant[]
  readonly leftOut: string[]
}

async function startField(): Promise<Field> {
  const upstream = await startUpstream(work, cores.load)
  const leftOut: string[] = []
  const gateway = flags['anchors-only']
    ? null
    : await startGateway({ work, cores, upstream }, gatewayDir)
  const bench = { work, cores, upstream, node: gateway?.node ?? process.execPath }
  const variants = [
    await startRelay(bench, 'base: undici relay', 'base'),
    await startRelay(bench, 'base again (A/A)', 'control'),
  ]
  if (gateway) variants.push(gateway.variant)
  if (spawnSync('nginx', ['-v']).status === 0) variants.push(await startNginx(bench))
  else leftOut.push('nginx (not installed)')
  const portkeyDir = path.resolve(flags.portkey)
  if (fs.existsSync(path.join(portkeyDir, 'node_modules/@portkey-ai/gateway'))) {
    variants.push(await startPortkey(bench, portkeyDir))
  } else leftOut.push('portkey (not installed: see README.md)')
  if (!hasTaskset) leftOut.push('pinning to cores (taskset is not installed)')
  return { bench, variants, leftOut }
}

/** Returns whether all that must answer rightly does; a peer that does not is left out. */
async function dropWrong({ bench, variants, leftOut }: Field): Promise<boolean> {
  const direct = directVariant(bench.upstream)
  const checks = variants.map(async (variant) => {
    const wrong = await checkAnswers(bench, variant, direct).then(
      () => null,
      (error: unknown) => String(error),
    )
    return { variant, wrong }
  })
  for (const { variant, wrong } of await Promise.all(checks)) {
    if (wrong === null) continue
    const log = fs.readFileSync(variant.server.logFile, 'utf8').slice(-2000)
    say(`WRONG ANSWERS from ${variant.label}: ${wrong}\n${log}`)
    if (variant.role !== 'peer') return false
    variants.splice(variants.indexOf(variant), 1)
    leftOut.push(`${variant.label} (wrong answers)`)
  }
  const candidate = variants.find(({ role }) => role === 'candidate')
  if (!candidate) return true
  const wrong = await checkTranslations(bench, candidate).catch(String)
  if (wrong) say(`WRONG TRANSLATION: ${wrong}`)
  return !wrong
}

/** What is measured once, and on processes whose heaps have not grown yet. */
async function measureFresh({ bench, variants }: Field) {
  const memory = new Map<string, Memory>()
  const aborts = new Map<string, Aborts>()
  for (const variant of variants) {
    const isSkipped = variant.role === 'control' || (flags.quick && variant.role === 'peer')
    if (isWanted('memory') && !isSkipped) {
      say(`memory: ${variant.label}`)
      memory.set(variant.label, await measureMemory(bench, variant, 1000))
    }
  }
  for (const variant of [directVariant(bench.upstream), ...variants]) {
    if (!isWanted('abort') || isFarOff(variant)) continue
    say(`abort: ${variant.label}`)
    aborts.set(variant.label, await measureAborts(bench, variant, flags.quick ? 100 : 300))
  }
  const candidate = variants.find((variant) => variant.role === 'candidate')
  const count = flags.quick ? 3 : 5
  const startUp =
    candidate && isWanted('start_up') ? await measureStartUp(bench, gatewayDir, count) : null
  const models = candidate && isWanted('models') ? await measureModels(bench, candidate, 1) : null
  return { memory, aborts, startUp, models }
}

async function warmUp({ bench, variants }: Field) {
  for (const variant of variants) {
    // A compiler needs requests, not seconds: the slower the program, the longer it must be warmed.
    const role = variant.dialect ? 'dialect' : variant.role
    const seconds = { nginx: 0.1, peer: 3, candidate: 5 }[role as string] ?? 2
    const full = flags.quick ? seconds / 2 : seconds
    const common = { connections: 64, warmS: 0.05 }
    await measureWindow(bench, variant, { ...common, body: 'small', measuredS: full })
    const body = variant.dialect ? 'stream0' : 'medium'
    await measureWindow(bench, variant, { ...common, body, measuredS: full / 3 })
  }
}

/** Each workload gets its share of the time that is left, so that slow machines end in time too. */
async function measureRatios({ bench, variants }: Field) {
  const summaries = new Map<string, Summary>()
  // Too much for a quick run, unless it is about them.
  const isLeft = ({ isTranslation }: Workload) => flags.quick && !flags.only && isTranslation
  const chosen = workloads.filter((workload) => isWanted(workload.id) && !isLeft(workload))
  if (chosen.length > 0) await warmUp({ bench, variants, leftOut: [] })
  if (chosen.some(({ isTranslation }) => isTranslation))
    await warmUp({ bench, variants: dialectVariants(variants), leftOut: [] })
  for (const [i, workload] of chosen.entries()) {
    say(workload.title)
    const shares = chosen.slice(i).reduce((sum, each) => sum + each.share, 0)
    const leftMs = budgetMs - (performance.now() - beganAt)
    const present = presentFor(workload, bench, variants)
    if (present.length === 0) continue
    const ownMs = (leftMs * workload.share) / shares
    summaries.set(
      workload.id,
      summarise(workload, await runWorkload(bench, workload, present, ownMs)),
    )
  }
  return summaries
}

const dialectVariants = (variants: readonly Variant[]) =>
  translatingVariants(variants).filter(({ dialect }) => dialect)

function presentFor({ isTranslation, rate }: Workload, bench: Bench, variants: Variant[]) {
  if (isTranslation) return translatingVariants(variants)
  return rate ? [directVariant(bench.upstream), ...variants] : variants
}

type Fresh = Awaited<ReturnType<typeof measureFresh>>

function print(field: Field, fresh: Fresh, summaries: Map<string, Summary>, goals: Goal[]) {
  const { memory, aborts, startUp, models } = fresh
  console.log(
    'base = undici dispatch relay. "x base" and "x nginx": median of the ratios within a round. Columns with + are above the upstream alone.',
  )
  for (const summary of summaries.values()) console.log(workloadTable(summary))
  if (memory.size > 0) console.log(memoryTable(memory))
  if (aborts.size > 0) console.log(abortTable(aborts))
  if (startUp || models) console.log('\n### Sluice alone')
  if (startUp) {
    const { firstMs = Number.NaN, bestMs, medianMs } = startUp
    const times = `best ${bestMs.toFixed(0)} ms, median ${medianMs.toFixed(0)} ms`
    console.log(`- start-up: ${times}, on an empty data folder ${firstMs.toFixed(0)} ms`)
  }
  if (models) {
    const times = `p50 ${models.p50Us.toFixed(0)} µs, p99 ${models.p99Us.toFixed(0)} µs`
    const cost = `CPU ${models.cpuUs.toFixed(0)} µs`
    console.log(
      `- GET /v1/models: ${times}, ${cost}, ${models.errors} errors of ${models.requests}`,
    )
  }
  if (goals.length > 0) console.log(`\n### Goals\n${goals.map(describeGoal).join('\n')}`)
  const seconds = (performance.now() - beganAt) / 1000
  console.log(`\n${seconds.toFixed(0)} s\n`)
  const facts = {
    bench: 'sluice',
    version: 1,
    quick: flags.quick,
    cores: cpus,
    pinned: cores.proxy !== null,
    seconds,
    leftOut: field.leftOut,
    workloads: Object.fromEntries(summaries),
    memory: Object.fromEntries(memory),
    abort: Object.fromEntries(aborts),
    startUp,
    models,
    goals,
  }
  console.log(JSON.stringify(rounded(facts)))
}

async function main(): Promise<number> {
  compile()
  writeBodies(work)
  const field = await startField()
  const versions = spawnSync(field.bench.node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  say(
    `Node ${versions}; ${cpus} cores, proxies on ${cores.proxy ?? 'any'}, load on ${cores.load ?? 'any'}`,
  )
  if (!(await dropWrong(field))) return 2
  for (const each of field.leftOut) say(`left out: ${each}`)
  const fresh = await measureFresh(field)
  const summaries = await measureRatios(field)
  const own = fresh.aborts.get('sluice')
  const goals = flags['anchors-only'] ? [] : judgeGoals(summaries)
  if (own) goals.push(judgeAborts(own.p99Us, own.neverClosed))
  print(field, fresh, summaries, goals)
  return flags.gate && goals.some((goal) => !goal.quiet || goal.met !== true) ? 3 : 0
}

async function end(code: number): Promise<never> {
  await stopAll()
  if (flags.keep || code === 1 || code === 2) say(`logs and generated files: ${work}`)
  else fs.rmSync(work, { recursive: true, force: true })
  process.exit(code)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void end(1))
const code = await main().catch((error: unknown) => {
  say(error instanceof Error && error.name === 'Error' ? error.message : inspect(error))
  return 1
})
await end(code)
