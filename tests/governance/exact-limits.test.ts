import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '../faults/upstream/rig.ts'
import * as script from '../support/upstream-script.ts'
import { answered, type Governed, openGoverned, tally, together } from './governed.ts'

const sizes = [1, 10, 100] as const
const trials = 8
const keys = Object.fromEntries(
  sizes.flatMap((size) =>
    Array.from({ length: trials }, (_, i) => [
      `r${size}-${i}`,
      { limits: { requests: `${size}/1h` } },
    ]),
  ),
)

let stage: Governed
before(async () => {
  stage = await openGoverned({
    keys: {
      ...keys,
      ...Object.fromEntries(
        [0, 1, 2].map((i) => [`t${i}`, { team: 'full', limits: { requests: '500/1h' } }]),
      ),
      calendar: { limits: { requests: '10/day' } },
      tokens: { limits: { tokens: '1000/1h' } },
      debt: { limits: { tokens: '1000/1h' } },
      jobs: { limits: { requests: '7/1h' } },
      jobtok: { limits: { tokens: '1000/1h' } },
      slots: { limits: { concurrency: 5 } },
      chaos: { limits: { concurrency: 8 } },
      own: {},
      minus: { limits: { tokens: '1000/1h' } },
    },
    teams: [{ name: 'full', customer: 'wide', limits: { requests: '20/1h' } }],
    customers: [{ name: 'wide', limits: { requests: '1000/1h' } }],
    providers: {
      up: {},
      narrow: { limits: { requests: '3/1h' } },
      wide: {},
      hasty: { timeouts: { first_byte: '50ms' }, retries: { max: 0 } },
      dead: { base_url: 'http://127.0.0.1:9/v1', retries: { max: 0 } },
    },
    models: {
      either: { targets: [{ model: 'narrow/m' }], fallbacks: ['wide/m'] },
      capped: { targets: [{ model: 'wide/m' }], limits: { requests: '4/1h' } },
    },
    prices: {},
  })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 5))
})
after(() => stage[Symbol.asyncDispose]())

for (const size of sizes)
  test(`of ${10 * size} calls at once exactly ${size} are let in`, async () => {
    const before = stage.upstream.requests.length
    for (let trial = 0; trial < trials; trial++) {
      const stream = trial % 2 === 1
      const told = await together(10 * size, () => stage.call(`r${size}-${trial}`, { stream }))
      assert.deepEqual(tally(told), { 200: size, '429 rate_limit_exceeded': 9 * size })
    }
    assert.equal(stage.upstream.requests.length - before, trials * size)
  })

test('a team that is full keeps its keys out and costs them, and their customer, nothing', async () => {
  const told = await together(150, (i) => stage.call(`t${i % 3}`))
  assert.deepEqual(tally(told), { 200: 20, '429 rate_limit_exceeded': 130 })
  // What the key itself has left tells what refused calls have cost it.
  const left = await Promise.all([0, 1, 2].map((i) => stage.call(`t${i}`)))
  assert.deepEqual(tally(left), { '429 rate_limit_exceeded': 3 })
  assert.match(left[0]?.text ?? '', /The team \\"full\\"/)
  assert.equal(left[0]?.headers['x-ratelimit-limit-requests'], '20')
  assert.equal(left[0]?.headers['x-ratelimit-remaining-requests'], '0')
})

test("a calendar's limit is exact as well", async () => {
  assert.deepEqual(tally(await together(100, () => stage.call('calendar'))), {
    200: 10,
    '429 rate_limit_exceeded': 90,
  })
})

test('a provider that is full is passed over for the next, and refuses where there is none', async () => {
  const told = await together(30, () => stage.call('own', { model: 'either' }))
  assert.deepEqual(tally(told), { 200: 30 })
  const by = (name: string) => told.filter((one) => one.headers['x-sluice-provider'] === name)
  assert.deepEqual([by('narrow').length, by('wide').length], [3, 27])
  assert.deepEqual(tally(await together(5, () => stage.call('own', { model: 'narrow/m' }))), {
    '429 rate_limit_exceeded': 5,
  })
})

test("a model's limit holds under every name it has", async () => {
  const told = await together(20, () => stage.call('own', { model: 'capped' }))
  assert.deepEqual(tally(told), { 200: 4, '429 rate_limit_exceeded': 16 })
})

test('tokens are counted high before and right afterwards', async () => {
  const fields = { max_tokens: 400 }
  // Each may need some 450: two of them fit at once, and then use ten.
  const told = await together(10, () => stage.call('tokens', fields))
  assert.deepEqual(tally(told), { 200: 2, '429 rate_limit_exceeded': 8 })
  const refused = told.filter(({ status }) => status === 429)
  assert.ok(refused.every(({ text }) => text.includes('tokens per 3600 s')))
  const next = await stage.call('tokens', fields)
  assert.equal(next.status, 200)
  const remaining = Number(next.headers['x-ratelimit-remaining-tokens'])
  assert.ok(remaining > 500 && remaining < 540, String(remaining))
})

test('what was used beyond the estimate is waited for', async () => {
  stage.upstream.on('debt', () => answered(false, 5, 1800))
  const model = 'up/debt'
  assert.equal((await stage.call('debt', { model, max_tokens: 10 })).status, 200)
  const refused = await stage.call('debt', { model, max_tokens: 10 })
  assert.deepEqual([refused.status, refused.code], [429, 'rate_limit_exceeded'])
  assert.match(refused.text, /tokens per 3600 s/)
  const waitS = Number(refused.headers['retry-after'])
  // 1805 used of 1000 an hour: some 0.87 hours until a call of 70 fits again.
  assert.ok(waitS > 3000 && waitS < 3600, String(waitS))
})

test('a negative number of tokens buys none', async () => {
  for (const fields of [{ max_tokens: -1_000_000 }, { max_completion_tokens: -5_000_000 }]) {
    stage.upstream.on('held', [script.wait(100), answered(false, 5, 5)])
    const model = 'up/held'
    const told = await together(30, () =>
      stage.call('minus', {
        model,
        ...fields,
        messages: [{ role: 'user', content: 'x'.repeat(300) }],
      }),
    )
    const { 200: let_ = 0 } = tally(told)
    // A prompt of 330 bytes is counted as some 200 tokens.
    assert.ok(let_ > 0 && let_ <= 5, `${let_} were let in`)
  }
})

test('jobs count when they are handed in, and their tokens once they are known', async () => {
  const submit = (key: string, fields = {}) => stage.call(key, fields, { 'x-bf-async': 'true' })
  assert.deepEqual(tally(await together(20, () => submit('jobs'))), {
    200: 7,
    '429 rate_limit_exceeded': 13,
  })
  stage.upstream.on('wordy', () => answered(false, 5, 990))
  const job = await submit('jobtok', { model: 'up/wordy' })
  assert.equal(job.status, 200)
  const id = String(job.headers['x-bf-async-id'])
  const done = await stage.call('jobtok', {}, { 'x-bf-async-id': id, 'x-bf-async-wait': '20' })
  assert.equal(done.headers['x-bf-async-status'], 'completed')
  const after = await stage.call('jobtok')
  assert.equal(after.status, 429)
  assert.match(after.text, /tokens per 3600 s/)
})

test('as many calls as may be are under way at once, and their places are free again', async () => {
  for (const stream of [false, true]) {
    const go = Promise.withResolvers<void>()
    const model = `up/slot-${stream}`
    stage.upstream.on(`slot-${stream}`, () => [script.until(go.promise), answered(stream, 5, 5)])
    const told = together(40, () => stage.call('slots', { model, stream }))
    await eventually(
      () =>
        stage.upstream.requests.filter(({ model: each }) => each === `slot-${stream}`).length === 5,
      'five are under way',
    )
    go.resolve()
    assert.deepEqual(tally(await told), { 200: 5, '429 concurrency_exceeded': 35 })
  }
  assert.deepEqual(tally(await together(5, () => stage.call('slots'))), { 200: 5 })
})

test('after every kind of trouble no place is lost', async () => {
  const { upstream } = stage
  upstream
    .on('cut', script.rst())
    .on('half', () => [
      script.streamHead(),
      script.event('{"choices":[{"index":0,"delta":{"content":"a"}}]}'),
      script.rst(),
    ])
    .on('stalls', () => [
      script.streamHead(),
      script.event('{"choices":[{"index":0,"delta":{"content":"a"}}]}'),
      script.stall(),
    ])
    .on('silent', script.stall())
    .on('garbage', script.json(200, 'no object'))
    .on('refuses', script.json(400, { error: { message: 'no' } }))
    .on('fails', script.json(500, { error: { message: 'no' } }))
  const kinds = ['cut', 'half', 'garbage', 'refuses', 'fails', 'm']
  const trouble = async (i: number): Promise<void> => {
    const stream = i % 2 === 0
    const model = i % 20 === 2 ? 'dead/m' : `up/${kinds[i % kinds.length]}`
    if (i % 4 === 0)
      await stage.leave('chaos', { model: 'up/stalls', stream: true }, { bytes: 1, ms: 300 })
    else if (i % 4 === 1)
      await stage.leave('chaos', { model: 'up/silent', stream }, { ms: 5 + (i % 50) })
    else if (i % 20 === 6) await stage.call('chaos', { model: 'hasty/silent', stream })
    else if (i % 60 === 7) {
      await upstream.crash()
      await upstream.listen()
    } else await stage.call('chaos', { model, stream })
  }
  // A few more callers than places, each with one trouble after another.
  await together(12, async (caller) => {
    for (let round = 0; round < 30; round++) await trouble(caller * 30 + round)
  })
  await eventually(
    async () => (await stage.metric('sluice_inflight_requests')) <= 0,
    'nothing is under way',
  )
  const go = Promise.withResolvers<void>()
  upstream.on('full', () => [script.until(go.promise), answered(false, 5, 5)])
  const told = together(20, () => stage.call('chaos', { model: 'up/full' }))
  await eventually(
    () => upstream.requests.filter(({ model }) => model === 'full').length === 8,
    'all eight places are there',
  )
  go.resolve()
  assert.deepEqual(tally(await told), { 200: 8, '429 concurrency_exceeded': 12 })
})
