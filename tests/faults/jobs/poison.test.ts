import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ended, heldModel, poll, submitted } from '../../contract/job-client.ts'
import { chat, envelopeOf } from '../../contract/stage.ts'
import { JobGateway } from './job-gateway.ts'

const readyLimitMs = 2000

test('a job whose process dies each time is given up, and what waited behind it is run', async () => {
  await using stage = await JobGateway.open({ jobs: { concurrency: 1, max_attempts: 3 } })
  const { upstream } = stage
  const poison = heldModel(upstream)
  const id = await submitted(stage.gateway, chat(poison.model))
  const behind = await submitted(stage.gateway, chat('openai/behind'))
  for (let life = 1; life <= 3; life++) {
    const since = performance.now()
    await poison.arrived()
    const tookMs = performance.now() - since
    assert.ok(
      tookMs < readyLimitMs,
      `begun ${tookMs.toFixed(0)} ms after the start of life ${life}`,
    )
    assert.deepEqual(stage.row(id), { state: 'dispatched', attempt: life })
    await stage.killAndRestart()
  }
  const failed = await ended(stage.gateway, id)
  assert.deepEqual([failed.status, envelopeOf(failed).error.code], [500, 'poison'])
  assert.equal(failed.headers['x-should-retry'], 'false')
  assert.match(envelopeOf(failed).error.message, /jobs\.max_attempts/)
  assert.equal((await ended(stage.gateway, behind)).status, 200)
  assert.equal(stage.asked(poison.name), 3)
  // Given up for good: another life does not begin it again.
  await stage.killAndRestart()
  assert.equal((await poll(stage.gateway, id)).text, failed.text)
  assert.equal(stage.asked(poison.name), 3)
})

test('a job that must not be sent twice fails at the first death after it was sent', async () => {
  await using stage = await JobGateway.open()
  const held = heldModel(stage.upstream)
  const id = await submitted(stage.gateway, chat(held.model), [['x-bf-async-on-interrupt', 'fail']])
  await held.arrived()
  await stage.killAndRestart()
  const failed = await ended(stage.gateway, id)
  assert.deepEqual([failed.status, envelopeOf(failed).error.code], [500, 'job_interrupted'])
  assert.equal(stage.asked(held.name), 1)
})
