import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ended, heldModel, poll, repeatUntil, submitted } from '../../contract/job-client.ts'
import { chat, envelopeOf } from '../../contract/stage.ts'
import { attachStrace } from '../../crash/attach-strace.ts'
import { JobGateway } from './job-gateway.ts'

const graceMs = 700
/** What is over the grace: those that were cut tell their clients, the store is closed. */
const afterGraceMs = 3000
const slowSyncMs = 300

// They mostly wait.
suite('a gateway that is told to end', { concurrency: true }, () => {
  test('ends what is done within the grace, hands back the rest and exits with 0', async () => {
    await using stage = await JobGateway.open({
      jobs: { concurrency: 3 },
      drain: { grace: `${graceMs}ms` },
    })
    const { upstream, gateway } = stage
    const [short, long, once] = [heldModel(upstream), heldModel(upstream), heldModel(upstream)]
    const waiting = heldModel(upstream)
    const ids = {
      short: await submitted(gateway, chat(short.model)),
      long: await submitted(gateway, chat(long.model)),
      once: await submitted(gateway, chat(once.model), [['x-bf-async-on-interrupt', 'fail']]),
      waiting: await submitted(gateway, chat(waiting.model)),
    }
    await short.arrived()
    const [cut] = await Promise.all([long.arrived(), once.arrived()])
    process.kill(gateway.pid, 'SIGTERM')
    const since = performance.now()
    await stage.said('closed to new connections')
    short.release()
    const exit = await gateway.exited
    const tookMs = performance.now() - since
    assert.deepEqual(exit, { code: 0, signal: null })
    assert.ok(tookMs > graceMs && tookMs < graceMs + afterGraceMs, `${tookMs.toFixed(0)} ms`)
    assert.match((await cut.closed).how, /^(fin|rst)$/)
    assert.deepEqual(stage.row(ids.short), { state: 'succeeded', attempt: 1 })
    assert.deepEqual(stage.row(ids.long), { state: 'queued', attempt: 1 })
    assert.deepEqual(stage.row(ids.once), { state: 'failed', attempt: 1 })
    assert.deepEqual(stage.row(ids.waiting), { state: 'queued', attempt: 0 })

    await stage.restart()
    for (const held of [long, waiting]) held.release()
    for (const id of [ids.short, ids.long, ids.waiting])
      assert.match((await ended(stage.gateway, id)).text, /"Done\."/)
    const failed = await ended(stage.gateway, ids.once)
    assert.equal(envelopeOf(failed).error.code, 'job_interrupted')
    const counts = [short, long, once, waiting].map(({ name }) => stage.asked(name))
    assert.deepEqual(counts, [1, 2, 1, 1])
  })

  test('takes nothing new while it drains, and does not wait for what only waits', async () => {
    await using stage = await JobGateway.open({
      jobs: { concurrency: 1 },
      drain: { delay: '300ms', grace: '60s' },
    })
    const { upstream, gateway } = stage
    const held = heldModel(upstream)
    const [next, late] = [heldModel(upstream), heldModel(upstream)]
    await submitted(gateway, chat(held.model))
    const queued = await submitted(gateway, chat(next.model))
    await held.arrived()
    process.kill(gateway.pid, 'SIGTERM')
    await stage.said('still serving')
    // Until the delay is over it serves: a submit is kept for the next life.
    const accepted = await submitted(gateway, chat(late.model))
    assert.equal((await poll(gateway, accepted)).headers['x-bf-async-status'], 'pending')
    held.release()
    assert.deepEqual(await gateway.exited, { code: 0, signal: null })
    assert.deepEqual([stage.asked(next.name), stage.asked(late.name)], [0, 0])
    await stage.restart()
    for (const other of [next, late]) other.release()
    for (const id of [queued, accepted])
      assert.match((await ended(stage.gateway, id)).text, /"Done\."/)
    assert.deepEqual([stage.asked(next.name), stage.asked(late.name)], [1, 1])
  })

  test('gives back unspent what it was about to take', async (context) => {
    await using stage = await JobGateway.open({ jobs: { concurrency: 1, max_attempts: 1 } })
    const { upstream } = stage
    const held = heldModel(upstream)
    const next = heldModel(upstream)
    const first = await submitted(stage.gateway, chat(held.model))
    const second = await submitted(stage.gateway, chat(next.model))
    await held.arrived()
    const slowDisk = ['trace=fsync,fdatasync', `inject=fsync,fdatasync:delay_enter=${slowSyncMs}ms`]
    const strace = await attachStrace(
      stage.gateway.pid,
      slowDisk.flatMap((each) => ['-e', each]),
    )
    if (typeof strace === 'string') return context.skip(strace)
    held.release()
    await repeatUntil(
      async () => stage.row(first),
      (row) => row?.state === 'succeeded',
    )
    // Its end is on the disk, and the next one is being taken.
    process.kill(stage.gateway.pid, 'SIGTERM')
    assert.deepEqual(await stage.gateway.exited, { code: 0, signal: null })
    assert.match(stage.gateway.stderr(), /"outcome":"handed_back"/)
    assert.deepEqual(stage.row(second), { state: 'queued', attempt: 0 })
    await stage.restart()
    next.release()
    assert.equal((await ended(stage.gateway, second)).status, 200)
    assert.equal(stage.asked(next.name), 1)
  })
})
