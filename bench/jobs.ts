// What async jobs cost: submits beside the bare disk, a full queue, synchronous calls beside jobs. See README.md.
import fs from 'node:fs'
import path from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { type Drain, measureBeside, measureDrain, measureSubmits } from './jobs/measures.ts'
import { openStage, owners, type Stage } from './jobs/stage.ts'
import { stopAll } from './processes.ts'
import { formatNumber, markdownTable, rounded } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'gateway-dir': { type: 'string', default: path.join(import.meta.dirname, '..') },
    keep: { type: 'boolean', default: false },
  },
})

const plan = flags.quick
  ? { submitS: 5, amounts: { a: 1000, b: 600, c: 400 }, rounds: 1 }
  : { submitS: 20, amounts: { a: 5000, b: 3000, c: 2000 }, rounds: 3 }
const submitsPerS = 300
/** How far from its fair share an owner may be while all have work. */
const allowedUnfairness = 0.2
const beganAt = performance.now()
const say = (text: string) => process.stderr.write(`${text}\n`)

function latencyTable(
  submits: Awaited<ReturnType<typeof measureSubmits>>,
  beside: Awaited<ReturnType<typeof measureBeside>>,
): string {
  const rows = [
    [`submit, ${submitsPerS}/s`, submits.submit],
    ['write and fdatasync alone', submits.disk],
    ['synchronous call, no jobs', beside.alone],
    ['synchronous call, 64 jobs running', beside.beside],
  ] as const
  return markdownTable(
    ['what', 'p50 ms', 'p99 ms', 'times'],
    rows.map(([what, { p50Ms, p99Ms, count }]) => [
      what,
      formatNumber(p50Ms),
      formatNumber(p99Ms),
      String(count),
    ]),
  )
}

/** How far the worst off is from a third of what was done. */
const unfairness = ({ points }: Drain): number =>
  Math.max(...points.flatMap(({ shares }) => shares.map((share) => Math.abs(share * 3 - 1))))

function drainTable(drain: Drain): string {
  const rows = drain.points.map(({ done, shares }) => [
    String(done),
    ...shares.map((share) => `${formatNumber(share * 100, 1)} %`),
  ])
  return markdownTable(['jobs done', ...owners.map((owner) => `of ${owner}`)], rows)
}

async function main(): Promise<number> {
  const stage: Stage = await openStage(flags['gateway-dir'])
  kept = stage.work
  say(`submits, ${submitsPerS}/s for ${plan.submitS} s`)
  const submits = await measureSubmits(stage, submitsPerS, plan.submitS)
  say('a full queue')
  const drain = await measureDrain(stage, plan.amounts)
  say('synchronous calls beside jobs')
  const beside = await measureBeside(stage, plan.rounds)
  const { start, most, end } = drain.residentMb
  const worst = unfairness(drain)
  console.log(latencyTable(submits, beside))
  console.log(`\n${drainTable(drain)}\n`)
  console.log(
    `${drain.jobs} queued jobs (${owners.map((owner) => plan.amounts[owner]).join(', ')}) in ${formatNumber(drain.seconds, 1)} s, ${formatNumber(drain.jobs / drain.seconds, 0)}/s`,
  )
  console.log(
    `farthest from a fair share: ${formatNumber(worst * 100, 1)} % (allowed ${allowedUnfairness * 100} %)`,
  )
  console.log(
    `resident: ${formatNumber(start, 0)} MB before, ${formatNumber(most, 0)} MB at most, ${formatNumber(end, 0)} MB after`,
  )
  const seconds = (performance.now() - beganAt) / 1000
  console.log(`${formatNumber(seconds, 0)} s\n`)
  const facts = { bench: 'sluice-jobs', version: 1, quick: flags.quick, seconds, unfairness: worst }
  console.log(JSON.stringify(rounded({ ...facts, submits, drain, beside })))
  return drain.points.length > 0 && worst <= allowedUnfairness ? 0 : 1
}

let kept = ''
async function finish(code: number): Promise<never> {
  await stopAll()
  if (flags.keep || code !== 0) say(`logs and generated files: ${kept}`)
  else fs.rmSync(kept, { recursive: true, force: true })
  process.exit(code)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void finish(1))
const code = await main().catch((error: unknown) => {
  say(error instanceof Error && error.name === 'Error' ? error.message : inspect(error))
  return 1
})
await finish(code)
