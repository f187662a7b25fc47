import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import {
  ended,
  heldModel,
  jobPath,
  poll,
  repeatUntil,
  submitted,
} from '../../contract/job-client.ts'
import {
  adminBasic,
  ask,
  chat,
  configFor,
  envelopeOf,
  keys,
  withKey,
} from '../../contract/stage.ts'
import { JobGateway } from './job-gateway.ts'

const other = withKey(keys.pinning)

// Each has a gateway of its own.
suite('jobs that wait', { concurrency: true }, () => {
  test('who has one job is not kept waiting by who has hundreds', async () => {
    await using stage = await JobGateway.open({ jobs: { concurrency: 2 } })
    const { gateway, upstream } = stage
    const held = [heldModel(upstream), heldModel(upstream)]
    for (const { model } of held) await submitted(gateway, chat(model))
    for (const each of held) await each.arrived()
    const many = Array.from({ length: 300 }, (_, i) => submitted(gateway, chat(`openai/many-${i}`)))
    await Promise.all(many)
    const id = await submitted(gateway, chat('openai/single'), [], other)
    const before = upstream.requests.length
    held[0]?.release()
    assert.equal((await ended(gateway, id, other)).status, 200)
    const order = upstream.requests.slice(before).map(({ model }) => model)
    assert.equal(order.indexOf('single'), 0, `after ${order.indexOf('single')} others`)
  })

  test('what a newer version wrote is left to it, and all others go on', async () => {
    await using stage = await JobGateway.open({ jobs: { concurrency: 1 } })
    const held = heldModel(stage.upstream)
    const running = await submitted(stage.gateway, chat(held.model))
    await held.arrived()
    const newer = await submitted(stage.gateway, chat('openai/newer'))
    const behind = await submitted(stage.gateway, chat('openai/behind'))
    await stage.gateway.kill()
    const db = new DatabaseSync(stage.databaseFile)
    const rewritten = db.prepare('update jobs set payload_version = 99, context = ? where id = ?')
    assert.equal(rewritten.run('what is not known yet', newer).changes, 1)
    db.close()
    await stage.restart()
    await held.arrived()
    held.release()
    for (const id of [running, behind]) assert.equal((await ended(stage.gateway, id)).status, 200)
    const left = await poll(stage.gateway, newer)
    assert.deepEqual([left.status, left.headers['x-bf-async-status']], [200, 'pending'])
    assert.deepEqual(stage.row(newer), { state: 'queued', attempt: 0 })
    assert.equal(stage.asked('newer'), 0)
    const path = jobPath(newer)
    assert.equal((await ask(stage.gateway, { method: 'DELETE', path })).status, 200)
  })

  test('a key that is removed or runs out while its jobs wait stops them', async () => {
    await using stage = await JobGateway.open({ jobs: { concurrency: 1 } })
    const { gateway, upstream } = stage
    const held = heldModel(upstream)
    const blocker = await submitted(gateway, chat(held.model), [], other)
    await held.arrived()
    const removed = await submitted(gateway, chat('openai/removed'))
    const config = { ...configFor(upstream), jobs: { concurrency: 1 } }
    const left = config.virtual_keys.filter(({ name }) => name !== 'open')
    const brief = { name: 'brief', value: 'sk-bf-00000000-0000-4000-8000-000000000700' }
    const status = async (): Promise<number> =>
      (await ask(gateway, { path: '/v1/models', headers: withKey(brief.value) })).status
    const reload = async (key: object, expected: number): Promise<void> => {
      const text = JSON.stringify({ ...config, virtual_keys: [...left, key] })
      writeFileSync(`${gateway.configFile}.new`, text)
      renameSync(`${gateway.configFile}.new`, gateway.configFile)
      process.kill(gateway.pid, 'SIGHUP')
      await repeatUntil(status, (now) => now === expected)
    }
    await reload(brief, 200)
    assert.equal((await poll(gateway, removed)).status, 401)
    const expired = await submitted(gateway, chat('openai/expired'), [], withKey(brief.value))
    await reload({ ...brief, expires_at: new Date().toISOString() }, 401)
    held.release()
    assert.equal((await ended(gateway, blocker, other)).status, 200)
    for (const id of [removed, expired]) {
      const failed = await ended(gateway, id, [['authorization', adminBasic]])
      assert.deepEqual([failed.status, envelopeOf(failed).error.code], [403, 'key_revoked'])
    }
    assert.deepEqual([stage.asked('removed'), stage.asked('expired')], [0, 0])
  })

  test('a cancelled job frees its place at once, and what is long over cannot be cancelled', async () => {
    await using stage = await JobGateway.open({ jobs: { concurrency: 1 } })
    const { gateway, upstream } = stage
    const held = heldModel(upstream)
    const next = heldModel(upstream)
    const running = await submitted(gateway, chat(held.model))
    await held.arrived()
    const short = [['x-bf-async-job-result-ttl', '1']] as const
    const waiting = await submitted(gateway, chat(next.model), short)
    const cancel = (id: string) => ask(gateway, { method: 'DELETE', path: jobPath(id) })
    assert.equal((await cancel(running)).status, 200)
    // Nobody waits for the provider that lets go slowly.
    await next.arrived()
    next.release()
    assert.equal((await ended(gateway, waiting)).status, 200)
    assert.equal(envelopeOf(await cancel(waiting)).error.code, 'job_terminal')
    const unknown = await cancel(crypto.randomUUID())
    const gone = await repeatUntil(
      () => cancel(waiting),
      ({ status }) => status === 404,
    )
    assert.deepEqual([gone.status, gone.text], [404, unknown.text])
    held.release()
  })
})
