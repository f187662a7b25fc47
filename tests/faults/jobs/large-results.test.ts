import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ended, poll, sampleReply, submitted } from '../../contract/job-client.ts'
import { ask, chat, envelopeOf } from '../../contract/stage.ts'
import { json } from '../../support/upstream-script.ts'
import { JobGateway } from './job-gateway.ts'

const mib = 1024 * 1024
const replyOf = (sizeBytes: number) => ({ ...sampleReply, padding: 'x'.repeat(sizeBytes) })

test('a result of many megabytes is kept to the byte, one beyond the limit fails, and others are served', async () => {
  await using stage = await JobGateway.open({ jobs: { max_result: '24MiB' } })
  const { upstream } = stage
  const large = replyOf(20 * mib)
  upstream.on('large', json(200, large)).on('too-large', json(200, replyOf(25 * mib)))
  const kept = await submitted(stage.gateway, chat('openai/large'))
  const lost = await submitted(stage.gateway, chat('openai/too-large'))
  assert.equal((await ask(stage.gateway, { body: chat('demo/hello') })).status, 200)
  const failed = await ended(stage.gateway, lost)
  assert.deepEqual([failed.status, envelopeOf(failed).error.code], [502, 'result_too_large'])
  assert.equal(failed.headers['x-should-retry'], 'false')
  const text = JSON.stringify(large)
  assert.ok((await ended(stage.gateway, kept)).text === text)
  await stage.killAndRestart()
  assert.ok((await poll(stage.gateway, kept)).text === text, 'another one after a restart')
  assert.deepEqual([stage.asked('large'), stage.asked('too-large')], [1, 1])
})
