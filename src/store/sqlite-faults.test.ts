import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import {
  claim,
  ends,
  holdOn,
  newJob,
  roomy,
  submit,
  success,
} from '../../tests/store-suite-fixtures.ts'
import { startCommand } from './commands.ts'
import { runGroup } from './group-commit.ts'
import { openSqliteStore, type SqliteStore } from './sqlite.ts'
import { openDatabase } from './sqlite-open.ts'
import type { Reply, Request } from './sqlite-protocol.ts'
import { createSqliteRunner } from './sqlite-steps.ts'

function useFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-faults-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A database with the real commands, in this thread, so that its space can be limited. */
function useCommands(context: TestContext) {
  const file = join(useFolder(context), 'sluice.db')
  const { db, close } = openDatabase({ file, lockFile: null, readOnly: false, busyTimeoutMs: 0 })
  context.after(close)
  const runSteps = createSqliteRunner(db)
  const run = (...asked: readonly Pick<Request, 'name' | 'args'>[]): readonly Reply[] => {
    const requests = asked.map((one, id) => ({ id, ...one }))
    return runGroup(db, requests, ({ name, args }) => runSteps(startCommand(name, args))).replies
  }
  const allowPages = (more: number): void => {
    const pages = Number(db.prepare('pragma page_count').get()?.['page_count'])
    db.exec(`pragma max_page_count = ${pages + more}`)
  }
  const submitOf = (sizeBytes: number) => {
    const job = newJob({ body: Buffer.alloc(sizeBytes, 'x') })
    return { id: job.id, asked: { name: 'submitJob' as const, args: [job, roomy, 1] } }
  }
  const find = (id: string) => {
    const [reply] = run({ name: 'findJob', args: [id, 2] })
    return reply && 'value' in reply ? reply.value : reply?.failure.message
  }
  return { run, allowPages, submitOf, find }
}

const outcomeOf = (reply: Reply): string => ('value' in reply ? 'done' : reply.failure.message)

test('a full disk: what was answered stays, what does not fit fails alone, space helps', (context) => {
  const { run, allowPages, submitOf, find } = useCommands(context)
  const before = submitOf(50_000)
  assert.deepEqual(run(before.asked).map(outcomeOf), ['done'])
  allowPages(10)
  const [fits, tooMuch, after] = [submitOf(100), submitOf(200_000), submitOf(100)]
  const full = 'database or disk is full'
  const outcomes = run(fits.asked, tooMuch.asked, after.asked).map(outcomeOf)
  assert.deepEqual(outcomes, ['done', full, 'done'])
  assert.equal(find(tooMuch.id), null)
  for (const { id } of [before, fits, after])
    assert.equal((find(id) as { state: string }).state, 'queued')
  allowPages(200)
  assert.deepEqual(run(tooMuch.asked).map(outcomeOf), ['done'])
})

test('a full disk when a result is stored: the job goes on running and can be finished later', (context) => {
  const { run, allowPages, submitOf, find } = useCommands(context)
  const { id, asked } = submitOf(100)
  run(asked)
  const rules = { node: 'n', most: 1, runningPerOwner: 9, payloadVersion: 1, leaseUntil: 1e6 }
  run({ name: 'claimJobs', args: [rules, 1] })
  allowPages(5)
  const result = Buffer.alloc(300_000, 'r')
  const finish = { name: 'finishJob' as const, args: [{ id, fence: 1 }, { ...success, result }, 2] }
  assert.deepEqual(run(finish).map(outcomeOf), ['database or disk is full'])
  assert.equal((find(id) as { state: string }).state, 'leased')
  allowPages(200)
  assert.deepEqual(run(finish), [{ id: 0, value: true }])
  assert.equal(Buffer.compare((find(id) as { result: Uint8Array }).result, result), 0)
})

test('space that was swept is used again', (context) => {
  const { run, allowPages, submitOf } = useCommands(context)
  const cancel = (id: string) =>
    ({ name: 'cancelJob', args: [id, null, ends.interrupted, 1] }) as const
  const round = (): string[] => {
    const { id, asked } = submitOf(100_000)
    return run(asked, cancel(id), { name: 'sweepJobs', args: [100, 1e6] }).map(outcomeOf)
  }
  assert.deepEqual(round(), ['done', 'done', 'done'])
  allowPages(8)
  for (let i = 0; i < 20; i++) assert.deepEqual(round(), ['done', 'done', 'done'])
})

/** A store that waits only a moment for others, and another program on its file. */
async function useNeighbour(context: TestContext) {
  const file = join(useFolder(context), 'sluice.db')
  const store: SqliteStore = await openSqliteStore({ file, busyTimeoutMs: 20 })
  const other = new DatabaseSync(file, { timeout: 5000 })
  context.after(async () => {
    other.close()
    await store.close()
  })
  return { store, other }
}

test('while another program holds the file every command fails, afterwards all work again', async (context) => {
  const { store, other } = await useNeighbour(context)
  const job = await submit(store)
  const [taken] = await claim(store)
  assert.ok(taken)
  other.exec('begin immediate')
  for (const command of [
    () => store.submitJob(newJob(), roomy, 2),
    () => store.finishJob(taken, success, 2),
    () => store.ping(),
  ])
    await assert.rejects(command(), { name: 'GatewayError', code: 'storage_unavailable' })
  other.exec('rollback')
  assert.equal(await store.finishJob(holdOn(taken), success, 3), true)
  assert.equal((await store.findJob(job.id, 4))?.state, 'succeeded')
})

test('a program that only reads is in nobody’s way', async (context) => {
  const { store, other } = await useNeighbour(context)
  await submit(store)
  other.exec('begin')
  assert.equal(other.prepare('select count(*) as n from jobs').get()?.['n'], 1)
  const second = await submit(store)
  assert.equal((await store.findJob(second.id, 2))?.state, 'queued')
  assert.equal(other.prepare('select count(*) as n from jobs').get()?.['n'], 1)
  other.exec('commit')
})

test('a job that is final keeps its result and no request, one that was swept keeps nothing', async (context) => {
  const { store, other } = await useNeighbour(context)
  const count = (table: string) => other.prepare(`select count(*) as n from ${table}`).get()?.['n']
  const jobs = [await submit(store), await submit(store), await submit(store)]
  assert.equal(count('job_bodies'), 3)
  const [finished, handedBack] = await claim(store, { most: 2 })
  assert.ok(finished && handedBack)
  await store.finishJob(finished, success, 101)
  await store.handBackJob(handedBack, ends, 101)
  const left = jobs.find(({ id }) => id !== finished.id && id !== handedBack.id)
  await store.cancelJob(left?.id ?? '', null, ends.interrupted, 101)
  assert.deepEqual([count('job_bodies'), count('job_results')], [1, 2])
  await store.sweepJobs(10, 1e6)
  assert.deepEqual([count('jobs'), count('job_bodies'), count('job_results')], [1, 1, 0])
})

test('the embedded store goes by the time it is told, and never back', async (context) => {
  const file = join(useFolder(context), 'sluice.db')
  const store = await openSqliteStore({ file })
  assert.equal(await store.syncClock(1_000), 1_000)
  assert.equal(await store.syncClock(400), 1_000)
  assert.equal(await store.syncClock(1_001), 1_001)
  await store.close()
  const again = await openSqliteStore({ file })
  assert.equal(await again.syncClock(5), 1_001)
  await again.close()
})
