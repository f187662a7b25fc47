// Two gateways on one Postgres, of which one goes away in the middle of its work. Each scene takes most of a minute, on a
// Postgres of its own:
//   node tests/crash/node-loss.ts [--only kill|freeze|pause]
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { missingPostgres, startPostgres } from 'test-postgres'
import { Chance } from './chance.ts'
import { type CrashCase, makeCases } from './crash-case.ts'
import { startJobUpstream } from './job-upstream.ts'
import { awaitJob, startNodes, submitOver, untilDispatched } from './two-nodes.ts'

const jobs = 24
/** The lease, the time between two looks for dead nodes, and a second for the rest. */
const takeOverMs = 30_000 + 5000 + 1000
/** Many beats long, and well within a lease. */
const pauseMs = 20_000

interface Scene {
  readonly chance: Chance
  readonly cases: readonly CrashCase[]
}

const openScene = (seed: number): Scene => {
  const chance = new Chance(seed)
  const cases = makeCases(seed, jobs, chance).map((each) => ({ ...each, failsOnInterrupt: false }))
  return { chance, cases }
}

/** Killed: the other one ends all of its jobs, each sent at most twice. Answers how long it took to begin. */
async function loseByKill(postgresUrl: string): Promise<number> {
  const { chance, cases } = openScene(1)
  await using upstream = await startJobUpstream(chance)
  upstream.delayMs = ({ node }) => (node === 'a' ? 120_000 : 50)
  const [a, b] = await startNodes(postgresUrl, upstream)
  await using _a = a
  await using _b = b
  const ids = await submitOver([a, b], cases)
  await untilDispatched(upstream, (all) => all.some(({ node }) => node === 'a'))
  await a.gateway.kill()
  const killedAt = performance.now()
  const texts = await Promise.all(cases.map((each, i) => awaitJob(b, each, ids[i] ?? '')))
  const lost: number[] = []
  for (const [i, { model }] of cases.entries()) {
    const sent = upstream.of(model)
    const last = sent.at(-1)
    assert.ok(last && texts[i]?.includes(last.body), `${model}: ${texts[i]}`)
    assert.equal(last.node, 'b')
    const wasHeldByA = sent.some(({ node }) => node === 'a')
    assert.equal(sent.length, wasHeldByA ? 2 : 1, `${model} was sent ${sent.length} times`)
    if (wasHeldByA) lost.push(last.receivedAt - killedAt)
  }
  const slowestMs = Math.max(...lost)
  assert.ok(slowestMs <= takeOverMs, `a lost job was taken over after ${slowestMs} ms`)
  return slowestMs
}

/** Frozen past its lease and then awake again: what it brings then is refused. */
async function loseByFreeze(postgresUrl: string): Promise<number> {
  const { chance, cases } = openScene(2)
  await using upstream = await startJobUpstream(chance)
  upstream.delayMs = ({ node }) => (node === 'a' ? 1500 : 50)
  const [a, b] = await startNodes(postgresUrl, upstream)
  await using _a = a
  await using _b = b
  const ids = await submitOver([a, b], cases)
  await untilDispatched(upstream, (all) => all.some(({ node }) => node === 'a'))
  process.kill(a.gateway.pid, 'SIGSTOP')
  const frozenAt = performance.now()
  const texts = await Promise.all(cases.map((each, i) => awaitJob(b, each, ids[i] ?? '')))
  const late = cases.flatMap((each, i) => {
    const sent = upstream.of(each.model)
    return sent.some(({ node }) => node === 'a') && sent.at(-1)?.node === 'b'
      ? [{ each, id: ids[i] ?? '', text: texts[i] ?? '' }]
      : []
  })
  assert.ok(late.length > 0, 'nothing was under way on the frozen node')
  process.kill(a.gateway.pid, 'SIGCONT')
  await untilLogged(
    () => a.gateway.stderr(),
    late.map(({ id }) => id),
  )
  for (const { each, id, text } of late) {
    const last = upstream.of(each.model).at(-1)
    assert.ok(last && text.includes(last.body), `${each.model}: ${text}`)
    assert.equal(await awaitJob(b, each, id), text, `${each.model} has another result now`)
  }
  return Math.max(
    ...late.map(({ each }) => (upstream.of(each.model).at(-1)?.receivedAt ?? 0) - frozenAt),
  )
}

/** Shorter than its lease: it is late with its beats, and nobody takes anything away from it. */
async function surviveByPause(postgresUrl: string): Promise<number> {
  const { chance, cases } = openScene(3)
  await using upstream = await startJobUpstream(chance)
  upstream.delayMs = ({ node }) => (node === 'a' ? 1500 : 50)
  const [a, b] = await startNodes(postgresUrl, upstream)
  await using _a = a
  await using _b = b
  const ids = await submitOver([a, b], cases)
  await untilDispatched(upstream, (all) => all.some(({ node }) => node === 'a'))
  process.kill(a.gateway.pid, 'SIGSTOP')
  await sleep(pauseMs)
  process.kill(a.gateway.pid, 'SIGCONT')
  const texts = await Promise.all(cases.map((each, i) => awaitJob(b, each, ids[i] ?? '')))
  for (const [i, { model }] of cases.entries()) {
    const sent = upstream.of(model)
    assert.equal(sent.length, 1, `${model} was sent ${sent.length} times`)
    assert.ok(texts[i]?.includes(sent[0]?.body ?? '-'), `${model}: ${texts[i]}`)
  }
  return 0
}

const logLimitMs = 30_000

/** Until the log tells that these runs came too late. */
async function untilLogged(stderr: () => string, ids: readonly string[]): Promise<void> {
  const until = performance.now() + logLimitMs
  const isLost = (id: string): boolean =>
    stderr()
      .split('\n')
      .some((line) => line.includes(`"job":"${id}"`) && line.includes('"outcome":"lost"'))
  while (!ids.every(isLost)) {
    assert.ok(performance.now() < until, `the log tells of no late result:\n${stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { only: { type: 'string' } } })
  if (missingPostgres) console.log(`skipped: ${missingPostgres}`)
  else {
    const postgres = await startPostgres()
    const scenes = { kill: loseByKill, freeze: loseByFreeze, pause: surviveByPause }
    try {
      for (const [name, play] of Object.entries(scenes)) {
        if (values.only !== undefined && values.only !== name) continue
        const slowestMs = await play(await postgres.createDatabase())
        const seconds = (slowestMs / 1000).toFixed(1)
        console.log(
          `${name}: ${slowestMs > 0 ? `taken over after ${seconds} s at most` : 'nothing was taken over'}`,
        )
      }
    } finally {
      await postgres.destroy()
    }
  }
}
