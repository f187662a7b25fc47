import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import {
  ended,
  heldModel,
  poll,
  repeatUntil,
  submit,
  submitted,
} from '../../contract/job-client.ts'
import { startSluice } from '../../contract/run-sluice.ts'
import { ask, chat, envelopeOf, keys, withKey } from '../../contract/stage.ts'
import { JobGateway } from './job-gateway.ts'

const busyTimeoutMs = 5000
/** Whether the store's queue counts as overload. */
async function signOf({ url }: { readonly url: string }): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return /^sluice_strain_by_sign\{sign="store"\} 1$/m.test(metrics)
}

/** A call that does not need the file. */
const promptMs = 1000

// They mostly wait for the lock.
suite('a database that somebody else holds', { concurrency: true }, () => {
  test('is waited for: after a second everything is answered as if nothing had been', async () => {
    await using stage = await JobGateway.open()
    const { gateway } = stage
    const done = await submitted(gateway, chat('demo/hello'))
    await ended(gateway, done)
    const held = heldModel(stage.upstream)
    const running = await submitted(gateway, chat(held.model))
    await held.arrived()
    using other = new DatabaseSync(stage.databaseFile)
    other.exec('begin exclusive')
    const since = performance.now()
    held.release()
    const asked = [submit(gateway, chat('demo/hello')), poll(gateway, done)] as const
    assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
    assert.ok(performance.now() - since < promptMs)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    other.exec('rollback')
    const [accepted, polled] = await Promise.all(asked)
    assert.deepEqual([accepted.status, polled.status], [200, 200])
    for (const id of [running, accepted.headers['x-bf-async-id'] ?? ''])
      assert.equal((await ended(gateway, id)).status, 200)
    assert.equal(stage.asked(held.name), 1)
  })

  test('fails what waited for too long, and what runs is stored afterwards', async () => {
    await using stage = await JobGateway.open()
    const { gateway } = stage
    const held = heldModel(stage.upstream)
    const running = await submitted(gateway, chat(held.model))
    await held.arrived()
    using other = new DatabaseSync(stage.databaseFile)
    other.exec('begin exclusive')
    const since = performance.now()
    const refused = await submit(gateway, chat('openai/refused'))
    const tookMs = performance.now() - since
    assert.deepEqual([refused.status, envelopeOf(refused).error.code], [503, 'storage_unavailable'])
    assert.equal(refused.headers['x-should-retry'], 'true')
    assert.ok(tookMs > busyTimeoutMs - 500 && tookMs < 2 * busyTimeoutMs, `${tookMs} ms`)
    held.release()
    assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
    other.exec('rollback')
    assert.match((await ended(gateway, running)).text, /"Done\."/)
    const next = await submitted(gateway, chat('demo/hello'))
    assert.equal((await ended(gateway, next)).status, 200)
    const list = await ask(gateway, { path: '/v1/async/jobs', headers: withKey(keys.open) })
    assert.equal((list.json() as { data: unknown[] }).data.length, 2)
    assert.deepEqual([stage.asked(held.name), stage.asked('refused')], [1, 0])
  })

  test('is no place for more jobs once one has waited for three seconds, until it is free again', async () => {
    await using stage = await JobGateway.open()
    const { gateway } = stage
    using other = new DatabaseSync(stage.databaseFile, { timeout: 5000 })
    other.exec('begin exclusive')
    const waiting = submit(gateway, chat('demo/hello'))
    const refused = await repeatUntil(
      async () => (await signOf(gateway)) && (await submit(gateway, chat('openai/refused'))),
      (answer) => answer !== false && envelopeOf(answer).error.code === 'overloaded',
    )
    assert.ok(refused)
    assert.match(refused.text, /waits for its store/)
    assert.equal(refused.headers['x-should-retry'], 'true')
    assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
    other.exec('rollback')
    await waiting
    await repeatUntil(
      () => signOf(gateway),
      (isLate) => !isLate,
    )
    await ended(gateway, await submitted(gateway, chat('demo/hello')))
    assert.equal(stage.asked('refused'), 0)
  })

  test('is refused to a second gateway, which says so, and the first goes on', async () => {
    await using stage = await JobGateway.open()
    const { gateway } = stage
    const held = heldModel(stage.upstream)
    const id = await submitted(gateway, chat(held.model))
    await held.arrived()
    const { configFile, dataDir } = gateway
    const args = ['--port', '0', '--config', configFile, '--data-dir', dataDir]
    const second = await startSluice(args, { cwd: dataDir }).ended
    assert.deepEqual([second.code, second.stdout], [1, ''])
    assert.match(second.stderr, /Another Sluice is using the data folder .*--data-dir/)
    held.release()
    assert.equal((await ended(gateway, id)).status, 200)
    // What the first one ran, nobody else has taken over.
    assert.equal(stage.asked(held.name), 1)
  })
})
