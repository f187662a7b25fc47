import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { assertError, assertWholeStream } from './expect.ts'
import { goodAnswer } from './retry-cell.ts'
import { openStage, type Stage } from './retry-stage.ts'

const [pinning, narrow] = [
  'sk-bf-00000000-0000-4000-8000-00000000000a',
  'sk-bf-00000000-0000-4000-8000-00000000000b',
]

let stage: Stage
before(async () => {
  stage = await openStage({
    providers: { a: {}, b: {}, c: {}, d: {}, keyed: { keys: ['k1', 'k2', 'k3'] } },
    models: {
      chain: { targets: [{ model: 'a/chain' }], fallbacks: ['b/chain', 'c/chain'] },
      deep: { targets: [{ model: 'a/deep' }], fallbacks: ['b/deep', 'c/deep', 'd/deep'] },
      shares: {
        strategy: 'weighted',
        targets: [{ model: 'a/shares', weight: 3 }, { model: 'b/shares' }],
      },
      sticky: {
        strategy: 'weighted',
        targets: ['a', 'b', 'c'].map((name) => ({ model: `${name}/sticky` })),
      },
      quick: { strategy: 'least-latency', targets: [{ model: 'a/quick' }, { model: 'b/quick' }] },
      lapsing: { targets: [{ model: 'a/lapsing' }, { model: 'b/lapsing' }] },
    },
    virtualKeys: [
      { name: 'pinning', value: pinning, allow_pinning: true },
      { name: 'narrow', value: narrow, models: ['a/*'] },
    ],
  })
})
after(() => stage.close())

const broken = script.json(500, openaiError('broken'))
/** Asked of nobody twice: it may have been billed. */
const unreadable = script.reply(200, '<html>')

describe('who is asked after a failure', () => {
  test("the body's fallbacks are asked in order, and are no provider's business", async () => {
    for (const stream of [false, true]) {
      const model = `body-${stream}`
      stage.on(model, (who) => (who === 'c/k1' ? goodAnswer(stream) : unreadable))
      const fallbacks = [`b/${model}`, `c/${model}`]
      const response = await stage.call(`a/${model}`, { stream, fallbacks })
      assert.equal(response.status, 200, response.text)
      assert.equal(response.headers['x-sluice-fallback-index'], '2')
      assert.equal(response.headers['x-sluice-provider'], 'c')
      assert.deepEqual(stage.asked(model), ['a/k1', 'b/k1', 'c/k1'])
      for (const request of stage.upstream.requests.filter((each) => each.model === model))
        assert.equal(request.field('fallbacks'), undefined)
    }
  })

  test('configured fallbacks come in their order, and the first that answers is the last', async () => {
    stage.on('chain', (who) =>
      who === 'a/k1' ? script.json(401, openaiError('no')) : goodAnswer(false),
    )
    const response = await stage.call('chain')
    assert.equal(response.status, 200)
    assert.equal(response.headers['x-sluice-fallback-index'], '1')
    assert.deepEqual(stage.asked('chain'), ['a/k1', 'b/k1'])
  })

  test("the caller's own fallbacks come before those of the configuration", async () => {
    stage.on('chain-own', (who) => (who === 'd/k1' ? goodAnswer(false) : script.fin()))
    stage.on('chain', () => script.fin())
    const response = await stage.call('chain', { fallbacks: ['d/chain-own'] })
    assert.equal(response.status, 200, response.text)
    assert.equal(response.headers['x-sluice-provider'], 'd')
    assert.equal(response.headers['x-sluice-fallback-index'], '1')
  })

  test('U52: a target that stands in the list again is not asked again', async () => {
    stage.on('again', () => unreadable)
    const fallbacks = ['a/again', 'b/again', 'a/again', 'b/again', 'c/again']
    const response = await stage.call('a/again', { fallbacks })
    assertError(response, 502, { code: 'upstream_invalid_response', shouldRetry: 'false' })
    assert.deepEqual(stage.asked('again'), ['a/k1', 'b/k1', 'c/k1'])
  })

  test('U52: six attempts are the most over all targets and fallbacks', async () => {
    stage.on('deep', () => broken)
    const response = await stage.call('deep', { fallbacks: ['keyed/deep', 'd/deep'] })
    assertError(response, 500, { code: 'upstream_error', shouldRetry: 'false' })
    assert.equal(stage.asked('deep').length, 6)
    assert.equal(response.headers['x-sluice-attempts'], '6')
  })

  test('a fallback that is well answers everybody, however many come at once', async () => {
    const answer = (who: string): script.Steps =>
      who === 'a/k1' ? unreadable : [script.wait(50), goodAnswer(false)]
    stage.on('chain', answer)
    const all = await Promise.all(Array.from({ length: 40 }, () => stage.call('chain')))
    assert.equal(all.filter(({ status }) => status === 200).length, 40)
  })

  test('a fallback the key may not use is refused before anybody is asked', async () => {
    const response = await stage.call(
      'a/forbidden',
      { fallbacks: ['b/forbidden'] },
      { 'x-bf-vk': narrow },
    )
    assertError(response, 403, { code: 'model_not_allowed' })
    assert.deepEqual(stage.asked('forbidden'), [])
    assert.equal((await stage.call('a/allowed', {}, { 'x-bf-vk': narrow })).status, 200)
  })

  test('a fallback that nobody knows is refused before anybody is asked', async () => {
    const response = await stage.call('a/unknown', { fallbacks: ['nobody/unknown'] })
    assertError(response, 404, { code: 'model_not_found' })
    assert.deepEqual(stage.asked('unknown'), [])
  })
})

describe('who is asked first', () => {
  test('by weight: of 400 calls three in four go to the heavier', async () => {
    for (let round = 0; round < 20; round++)
      await Promise.all(Array.from({ length: 20 }, () => stage.call('shares')))
    const heavy = stage.asked('shares').filter((who) => who === 'a/k1').length
    assert.equal(stage.asked('shares').length, 400)
    // Five standard deviations either way: by chance this fails once in a million runs.
    assert.ok(heavy > 256 && heavy < 344, String(heavy))
  })

  test('a session stays with its target and its key, and sessions spread over all', async () => {
    const first = new Map<string, string>()
    for (let round = 0; round < 3; round++)
      for (let session = 0; session < 30; session++) {
        const headers = { 'x-bf-session-id': `session-${session}` }
        for (const model of ['sticky', 'keyed/stuck']) {
          const upstreamModel = model.split('/').at(-1) as string
          assert.equal((await stage.call(model, {}, headers)).status, 200)
          const who = stage.asked(upstreamModel).at(-1) as string
          const name = `${model} ${session}`
          assert.equal(first.get(name) ?? who, who, name)
          first.set(name, who)
        }
      }
    assert.deepEqual([...new Set(first.values())].sort(), [
      ...['a/k1', 'b/k1', 'c/k1'],
      ...['keyed/k1', 'keyed/k2', 'keyed/k3'],
    ])
  })

  test('a session whose target fails goes elsewhere, and comes back to it', async () => {
    const headers = { 'x-bf-session-id': 'wanderer' }
    await stage.call('sticky', {}, headers)
    const home = stage.asked('sticky').at(-1) as string
    stage.on('sticky', (who) => (who === home ? script.fin() : goodAnswer(false)))
    assert.equal((await stage.call('sticky', {}, headers)).status, 200)
    const away = stage.asked('sticky').at(-1)
    assert.notEqual(away, home)
    stage.on('sticky', () => goodAnswer(false))
    assert.equal((await stage.call('sticky', {}, headers)).status, 200)
    assert.equal(stage.asked('sticky').at(-1), home)
  })

  test('by latency: the quicker one is asked once both are known', async () => {
    stage.on('quick', (who) =>
      who === 'a/k1' ? [script.wait(60), goodAnswer(false)] : goodAnswer(false),
    )
    for (let call = 0; call < 6; call++) assert.equal((await stage.call('quick')).status, 200)
    assert.deepEqual(stage.asked('quick').slice(2), ['b/k1', 'b/k1', 'b/k1', 'b/k1'])
  })

  test('a pinned key is used alone, also when it fails', async () => {
    const headers = { 'x-bf-vk': pinning, 'x-bf-api-key': 'k2' }
    for (let call = 0; call < 10; call++)
      assert.equal((await stage.call('keyed/pinned', {}, headers)).status, 200)
    assert.deepEqual([...new Set(stage.asked('pinned'))], ['keyed/k2'])
    stage.on('pinned-bad', () => script.json(401, openaiError('no')))
    const refused = await stage.call('keyed/pinned-bad', {}, headers)
    assertError(refused, 502, { code: 'upstream_auth_failed' })
    assert.deepEqual(stage.asked('pinned-bad'), ['keyed/k2'])
  })

  test('pinning needs the right to it, and a key there is', async () => {
    const without = await stage.call('keyed/x', {}, { 'x-bf-api-key': 'k2' })
    assertError(without, 403, { code: 'forbidden' })
    const headers = { 'x-bf-vk': pinning, 'x-bf-api-key': 'k9' }
    assertError(await stage.call('keyed/x', {}, headers), 400, { code: 'invalid_request' })
    assert.deepEqual(stage.asked('x'), [])
  })

  test('a target that failed five times is left out while another is there', async () => {
    stage.on('lapsing', (who) => (who === 'a/k1' ? unreadable : goodAnswer(true)))
    for (let call = 0; call < 8; call++)
      assertWholeStream(await stage.call('lapsing', { stream: true }))
    const asked = stage.asked('lapsing')
    assert.equal(asked.filter((who) => who === 'a/k1').length, 5)
    assert.equal(asked.filter((who) => who === 'b/k1').length, 8)
    assert.deepEqual(asked.slice(-3), ['b/k1', 'b/k1', 'b/k1'])
  })
})
