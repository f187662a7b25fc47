import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  ended,
  heldModel,
  jobPath,
  poll,
  repeatUntil,
  submitted,
} from '../../contract/job-client.ts'
import { ask, chat, type HeaderList } from '../../contract/stage.ts'
import { JobGateway } from './job-gateway.ts'

const entry = fileURLToPath(new URL('./serve-with-set-clock.ts', import.meta.url))
const twoDaysMs = 2 * 86_400_000
/** The wall clock is looked at within this time. */
const lookMs = 5000

class SetClock implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-clock-'))
  readonly file = join(this.#folder, 'ahead-ms')

  constructor() {
    this.set(0)
  }

  set(aheadMs: number): void {
    // Renamed into place: nobody may read half a number.
    writeFileSync(`${this.file}.new`, String(aheadMs))
    renameSync(`${this.file}.new`, this.file)
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}

const forASecond: HeaderList = [['x-bf-async-job-result-ttl', '1']]

// Most of it is waiting for time to pass.
suite('a wall clock that is set', { concurrency: true }, () => {
  test('back: it neither revives nor prolongs a result, now or after the next start', async () => {
    using clock = new SetClock()
    await using stage = await JobGateway.open({
      start: { entry, env: { SET_CLOCK: clock.file } },
    })
    const { upstream } = stage
    const held = heldModel(upstream)
    const lasting = await submitted(stage.gateway, chat('demo/hello'))
    const short = await submitted(stage.gateway, chat('demo/hello'), forASecond)
    const running = await submitted(stage.gateway, chat(held.model))
    const { text } = await ended(stage.gateway, lasting)
    await ended(stage.gateway, short)
    await held.arrived()
    clock.set(-twoDaysMs)
    const gone = () =>
      repeatUntil(
        () => poll(stage.gateway, short),
        ({ status }) => status === 404,
        2000,
      )
    await gone()
    held.release()
    assert.equal((await ended(stage.gateway, running)).status, 200)
    assert.equal(stage.asked(held.name), 1)
    await stage.killAndRestart()
    await gone()
    assert.equal((await poll(stage.gateway, lasting)).text, text)
    const later = await submitted(stage.gateway, chat('demo/hello'), forASecond)
    await ended(stage.gateway, later)
    const told = (await ask(stage.gateway, { path: jobPath(later) })).json() as {
      completed_at: string
      expires_at: string
    }
    assert.equal(Date.parse(told.expires_at) - Date.parse(told.completed_at), 1000)
    assert.ok(Date.parse(told.completed_at) > Date.now() - lookMs, told.completed_at)
  })

  test('forward: what it says is over is over for good, and what runs goes on', async () => {
    using clock = new SetClock()
    await using stage = await JobGateway.open({
      start: { entry, env: { SET_CLOCK: clock.file } },
    })
    const { gateway, upstream } = stage
    const held = heldModel(upstream)
    const done = await submitted(gateway, chat('demo/hello'))
    const running = await submitted(gateway, chat(held.model))
    assert.equal((await ended(gateway, done)).status, 200)
    await held.arrived()
    clock.set(twoDaysMs)
    await repeatUntil(
      () => poll(gateway, done),
      ({ status }) => status === 404,
      lookMs,
    )
    await stage.said(/"by_ms":1728\d{5},"msg":"the wall clock was set/)
    assert.equal((await poll(gateway, running)).headers['x-bf-async-status'], 'processing')
    clock.set(0)
    assert.equal((await poll(gateway, done)).status, 404)
    held.release()
    const kept = await ended(gateway, running)
    assert.equal(kept.status, 200)
    const next = await submitted(gateway, chat('demo/hello'))
    assert.equal((await ended(gateway, next)).status, 200)
    // The lease of what ran was two days over for a moment, and nobody took it away.
    assert.equal(stage.asked(held.name), 1)
    assert.equal((await poll(gateway, running)).text, kept.text)
  })
})
