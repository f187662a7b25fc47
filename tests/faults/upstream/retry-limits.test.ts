import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { assertError } from './expect.ts'
import { goodAnswer } from './retry-cell.ts'
import { openStage, type Stage } from './retry-stage.ts'

const three = ['k1', 'k2', 'k3']

let stage: Stage
before(async () => {
  const shared = { keys: ['k1:team', 'k2:team', 'k3:own'] }
  stage = await openStage({
    providers: {
      shared,
      together: { keys: three.map((key) => `${key}:all`) },
      pausing: {},
      dead: { keys: three },
      spent: { keys: three },
      locked: { keys: three },
      storm: { keys: three },
      mistakes: {},
      spare: {},
      waits: {},
    },
    models: {
      mistaken: { targets: [{ model: 'mistakes/mistaken' }, { model: 'spare/mistaken' }] },
    },
  })
})
after(() => stage.close())

const limited = (headers: Record<string, string> = {}): script.Steps =>
  script.json(429, openaiError('Rate limit reached'), headers)

describe('keys that rest', () => {
  test('U35: keys of one quota are set aside together, and one that has its own goes on', async () => {
    stage.on('u35', (who) =>
      who === 'shared/k3' ? goodAnswer(false) : limited({ 'retry-after': '60' }),
    )
    for (let call = 0; call < 12; call++) assert.equal((await stage.call('shared/u35')).status, 200)
    const asked = stage.asked('u35')
    assert.equal(asked.filter((who) => who === 'shared/k3').length, 12)
    assert.ok(asked.length <= 13, `${asked.length}: the shared quota was asked more than once`)
  })

  test('U35: one meter for three keys is asked once, then nobody until the pause is over', async () => {
    stage.on('u35-all', () => limited({ 'retry-after': '60' }))
    const first = await stage.call('together/u35-all')
    assertError(first, 429, { code: 'upstream_rate_limited', shouldRetry: 'true' })
    for (let call = 0; call < 5; call++) {
      const next = await stage.call('together/u35-all')
      assertError(next, 429, { code: 'upstream_rate_limited', shouldRetry: 'true' })
      assert.equal(next.headers['x-sluice-attempts'], '0')
      const seconds = Number(next.headers['retry-after'])
      assert.ok(seconds > 50 && seconds <= 60, `retry-after ${seconds}`)
    }
    assert.equal(stage.asked('u35-all').length, 1)
  })

  test('U33: a key is asked again once the pause its provider asked for is over', async () => {
    let calls = 0
    stage.on('u33', () =>
      calls++ === 0 ? limited({ 'retry-after-ms': '2100' }) : goodAnswer(false),
    )
    // Over two seconds: the call does not wait for it, and the key rests.
    assertError(await stage.call('pausing/u33'), 429, { code: 'upstream_rate_limited' })
    const rested = performance.now()
    let last = await stage.call('pausing/u33')
    while (last.status === 429 && performance.now() - rested < 10_000)
      last = await stage.call('pausing/u33')
    assert.equal(last.status, 200)
    assert.ok(performance.now() - rested > 1900, 'it came back early')
    assert.equal(stage.asked('u33').length, 2)
  })

  test('U33: a short pause is waited for, and no time a call is told makes it wait past its cap', async () => {
    let calls = 0
    stage.on('u33-short', () =>
      calls++ === 0 ? limited({ 'retry-after-ms': '150' }) : goodAnswer(false),
    )
    const began = performance.now()
    assert.equal((await stage.call('waits/u33-short')).status, 200)
    assert.ok(performance.now() - began >= 145)
    stage.on('u33-long', () => limited({ 'retry-after': '86000' }))
    const again = performance.now()
    assertError(await stage.call('waits/u33-long'), 429, { code: 'upstream_rate_limited' })
    assert.ok(performance.now() - again < 2000)
  })

  test('U36: a key that was refused is asked no more while others are well', async () => {
    for (const [provider, refusal] of [
      ['dead', script.json(401, openaiError('Incorrect API key provided'))],
      ['spent', script.json(429, openaiError('No money', { code: 'insufficient_quota' }))],
    ] as const) {
      const bad = `${provider}/k2`
      stage.on(provider, (who) => (who === bad ? refusal : goodAnswer(false)))
      for (let call = 0; call < 40; call++)
        assert.equal((await stage.call(`${provider}/${provider}`)).status, 200)
      const asked = stage.asked(provider)
      assert.equal(asked.filter((who) => who === bad).length, 1, 'once is enough')
      assert.equal(asked.length, 41)
    }
  })

  test('U36 U51: with all keys refused one is still tried, and the first good answer ends it', async () => {
    let isLocked = true
    stage.on('u51', () => (isLocked ? script.json(401, openaiError('no')) : goodAnswer(false)))
    for (let call = 0; call < 3; call++)
      assertError(await stage.call('locked/u51'), 502, {
        code: 'upstream_auth_failed',
        shouldRetry: 'false',
      })
    // All three the first time; then no more than one for each call.
    assert.equal(stage.asked('u51').length, 5)
    isLocked = false
    for (let call = 0; call < 3; call++) assert.equal((await stage.call('locked/u51')).status, 200)
  })
})

describe('what is no fault of the provider', () => {
  test('U37: a storm of 404 for one model sets aside neither keys nor other models', async () => {
    stage.on('u37', () => script.json(404, openaiError('The model does not exist')))
    stage.on('u37-well', () => goodAnswer(false))
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, at) => stage.call(at % 2 ? 'storm/u37' : 'storm/u37-well')),
    )
    assert.equal(all.filter(({ status }) => status === 404).length, 30)
    assert.equal(all.filter(({ status }) => status === 200).length, 30)
    assert.equal(stage.asked('u37').length, 30, 'each was sent once')
    assert.equal(new Set(stage.asked('u37-well')).size, 3, 'every key is still in use')
  })

  test('U38: mistakes of callers never take a target out', async () => {
    for (const status of [400, 404, 413, 422, 429]) {
      stage.on('mistaken', () => script.json(status, openaiError('no')))
      for (let call = 0; call < 8; call++) await stage.call('mistaken')
    }
    stage.on('mistaken', () => goodAnswer(false))
    assert.equal((await stage.call('mistaken')).status, 200)
    assert.equal(stage.asked('mistaken').at(-1), 'mistakes/k1')
  })
})
