import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '../faults/upstream/rig.ts'
import * as script from '../support/upstream-script.ts'
import {
  answered,
  type Fields,
  type Governed,
  nanosPerToken,
  openGoverned,
  plainPrice,
  type Told,
  tally,
  together,
  words,
} from './governed.ts'
import { type Books, contradictions, leasedOf, type StoredLine } from './read-books.ts'

/** Pays for ten calls that write a hundred tokens. */
const ten = { budget: { usd: 1, per: '1d' } }
const hundred = { max_tokens: 100 }
const nanosPerCall = 100 * nanosPerToken

const own = (...names: readonly string[]): Fields =>
  Object.fromEntries(names.map((name) => [name, ten]))

let stage: Governed
before(async () => {
  stage = await openGoverned({
    keys: {
      ...own('plain', 'stream', 'async', 'retried', 'fallback', 'aborted', 'hedged', 'unpriced'),
      ...own('absent', 'edge', 'choices', 'two', 'failing'),
      strict: { budget: { usd: 1, per: '1d', strict: true } },
      allowed: { budget: { usd: 1, per: '1d', unpriced: 'allow' } },
      short: { budget: { usd: 1, per: '2s' } },
      assumes: { budget: { usd: 1, per: '1d', assume_output_tokens: 500 } },
      ...Object.fromEntries(
        [0, 1, 2].map((i) => [`m${i}`, { team: 'small', budget: { usd: 50, per: '1d' } }]),
      ),
      free: {},
      under: { team: 'roomy', budget: { usd: 5, per: '1d' } },
    },
    teams: [
      { name: 'small', customer: 'large', budget: { usd: 1, per: '1d' } },
      { name: 'roomy', customer: 'poor', budget: { usd: 5, per: '1d' } },
    ],
    customers: [
      { name: 'large', budget: { usd: 100, per: '1d' } },
      { name: 'poor', budget: { usd: 1, per: '1d' } },
    ],
    providers: {
      up: {},
      other: {},
      capped: { budget: { usd: 1, per: '1d' } },
      never: { budget: { usd: 1, per: '1d' } },
    },
    models: {
      chain: { targets: [{ model: 'up/down' }], fallbacks: ['other/m'] },
      spare: { targets: [{ model: 'capped/m' }], fallbacks: ['other/m'] },
      bounded: { targets: [{ model: 'other/m' }], budget: { usd: 1, per: '1d' } },
      raced: {
        targets: [{ model: 'up/raced' }, { model: 'other/raced' }],
        hedge: { extra_percent: 100, after: '20ms' },
      },
    },
    prices: Object.fromEntries(
      [
        ...['up/m', 'up/down', 'up/cut', 'up/raced', 'up/slow', 'up/twice', 'up/broke'],
        ...['other/m', 'other/raced', 'capped/m', 'never/m', 'up/fails'],
      ].map((name) => [name, plainPrice]),
    ),
  })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
})
after(() => stage[Symbol.asyncDispose]())

const asked = (model: string): number =>
  stage.upstream.requests.filter((each) => each.model === model).length

const linesOf = ({ lines }: Books, key: string): readonly StoredLine[] =>
  lines.filter((line) => line.key === key)
const costOf = (lines: readonly StoredLine[]): number =>
  lines.reduce((sum, { costNanos }) => sum + (costNanos ?? 0), 0)

/** Once so many of a key's attempts are written. */
async function written(key: string, count: number): Promise<readonly StoredLine[]> {
  const books = await stage.booksWhen((now) => linesOf(now, key).length >= count)
  assert.deepEqual(contradictions(books), [])
  const lines = linesOf(books, key)
  assert.equal(lines.length, count)
  return lines
}

for (const [key, fields] of [
  ['plain', {}],
  ['stream', { stream: true }],
  ['strict', {}],
] as const)
  test(`of a thousand calls at once (${key}) a budget for ten pays for exactly ten`, async () => {
    const before = asked('m')
    const told = await together(1000, () => stage.call(key, { ...hundred, ...fields }))
    assert.deepEqual(tally(told), { 200: 10, '402 budget_exceeded': 990 })
    assert.equal(asked('m') - before, 10)
    assert.equal(told.find(({ status }) => status === 402)?.headers['x-should-retry'], 'false')
    const lines = await written(key, 10)
    assert.equal(costOf(lines), 10 * nanosPerCall)
    assert.deepEqual(tally(await together(20, () => stage.call(key, hundred))), {
      '402 budget_exceeded': 20,
    })
  })

test('a team without money stops its keys, and leaves them and their customer what they have', async () => {
  const told = await together(300, (i) => stage.call(`m${i % 3}`, hundred))
  assert.deepEqual(tally(told), { 200: 10, '402 budget_exceeded': 290 })
  assert.match(told.find(({ status }) => status === 402)?.text ?? '', /team \\"small\\"/)
  const books = await stage.booksWhen(
    (now) => [0, 1, 2].flatMap((i) => linesOf(now, `m${i}`)).length === 10,
  )
  assert.deepEqual(contradictions(books), [])
  const customer = books.budgets.filter(({ scope }) => scope === 'customer')
  assert.ok(customer.some(({ spent }) => spent === 10 * nanosPerCall))
})

test('a customer without money stops a key and a team that have some', async () => {
  const told = await together(60, () => stage.call('under', hundred))
  assert.deepEqual(tally(told), { 200: 10, '402 budget_exceeded': 50 })
  assert.match(told.find(({ status }) => status === 402)?.text ?? '', /customer \\"poor\\"/)
  await written('under', 10)
})

test('a provider without money is passed over; alone it refuses, and nothing is left held', async () => {
  const told = await together(40, () => stage.call('free', { model: 'spare', ...hundred }))
  assert.deepEqual(tally(told), { 200: 40 })
  const by = (name: string) => told.filter((one) => one.headers['x-sluice-provider'] === name)
  assert.deepEqual([by('capped').length, by('other').length], [10, 30])
  const refused = await together(20, () => stage.call('two', { model: 'capped/m', ...hundred }))
  assert.deepEqual(tally(refused), { '402 budget_exceeded': 20 })
  // What the provider refused has cost the key nothing: it still pays for its ten.
  assert.deepEqual(tally(await together(30, () => stage.call('two', hundred))), {
    200: 10,
    '402 budget_exceeded': 20,
  })
})

test("a model's budget is exact as well", async () => {
  const told = await together(50, () => stage.call('free', { model: 'bounded', ...hundred }))
  assert.deepEqual(tally(told), { 200: 10, '402 budget_exceeded': 40 })
})

test('async jobs are paid for when they run, and never more of them than there is money for', async () => {
  const submitted = await together(30, () => stage.call('async', hundred, { 'x-bf-async': 'true' }))
  const ids = submitted.flatMap(({ headers }) => headers['x-bf-async-id'] ?? [])
  const done = await Promise.all(
    ids.map((id) =>
      stage.call('async', {}, { 'x-bf-async-id': String(id), 'x-bf-async-wait': '20' }),
    ),
  )
  const states = tally(done)
  assert.equal(states['200'], 10, JSON.stringify(states))
  assert.equal((states['402 budget_exceeded'] ?? 0) + (30 - ids.length), 20)
  const lines = await written('async', 10)
  assert.deepEqual(new Set(lines.map(({ form }) => form)), new Set(['job']))
})

test('every attempt of a call is paid for, once', async () => {
  let count = 0
  stage.upstream.on('twice', () =>
    ++count % 2 === 1 ? script.json(500, { error: { message: 'no' } }) : answered(false, 5, 100),
  )
  const told: Told[] = []
  for (let call = 0; call < 5; call++)
    told.push(await stage.call('retried', { model: 'up/twice', ...hundred }))
  assert.deepEqual(tally(told), { 200: 5 })
  const attempts = told.reduce((sum, { headers }) => sum + Number(headers['x-sluice-attempts']), 0)
  const lines = await written('retried', attempts)
  assert.equal(lines.filter(({ outcome }) => outcome === 'answered').length, 5)
  // The provider said that it failed: nothing was used then.
  assert.equal(costOf(lines), 5 * nanosPerCall)
})

test('of a fallback and what broke off before it each is paid for by what it used', async () => {
  stage.upstream.on('down', script.rst())
  const told = await stage.call('fallback', { model: 'chain', ...hundred })
  assert.deepEqual([told.status, told.headers['x-sluice-provider']], [200, 'other'])
  const lines = await written('fallback', Number(told.headers['x-sluice-attempts']))
  for (const { provider, outcome, costNanos } of lines) {
    assert.equal(outcome, provider === 'up' ? 'failed' : 'answered')
    // A prompt costs nothing here, and nobody has seen a token of what broke off.
    assert.equal(costNanos, provider === 'up' ? 0 : nanosPerCall)
  }
  assert.equal(lines.filter(({ role }) => role === 'first').length, 1)
})

test('of two attempts under way at once both are paid for', async () => {
  for (let call = 0; call < 60; call++)
    assert.equal((await stage.call('free', { model: 'raced', max_tokens: 1 })).status, 200)
  let slow: string | null = null
  stage.upstream.on('raced', (request) => {
    slow ??= request.credential ?? null
    return request.credential === slow
      ? [script.wait(1500), answered(false, 5, 100)]
      : answered(false, 5, 100)
  })
  const told = await stage.call('hedged', { model: 'raced', ...hundred })
  assert.equal(told.status, 200)
  const lines = await written('hedged', 2)
  const by = (role: string) => lines.find((line) => line.role === role)
  assert.deepEqual([by('first')?.outcome, by('hedge')?.outcome], ['aborted', 'answered'])
  assert.deepEqual([by('first')?.estimated, by('hedge')?.estimated], [1, 0])
  assert.equal(by('hedge')?.costNanos, nanosPerCall)
})

test('a stream whose caller leaves is paid for as far as it was passed on', async () => {
  stage.upstream.on('cut', () => [
    script.streamHead(),
    words(20).map((word) => script.event(word)),
    script.stall(),
  ])
  const model = 'up/cut'
  await together(5, () =>
    stage.leave('aborted', { model, stream: true, ...hundred }, { bytes: 21 * 150, ms: 500 }),
  )
  const lines = await written('aborted', 5)
  for (const { outcome, estimated, outputTokens, costNanos } of lines) {
    assert.deepEqual([outcome, estimated], ['aborted', 1])
    assert.ok(outputTokens > 10 && outputTokens <= 22, String(outputTokens))
    assert.equal(costNanos, outputTokens * nanosPerToken)
  }
  // What was held for tokens that never came is there again.
  const left = Math.floor((10 * nanosPerCall - costOf(lines)) / nanosPerCall)
  assert.deepEqual(tally(await together(30, () => stage.call('aborted', hundred))), {
    200: left,
    '402 budget_exceeded': 30 - left,
  })
})

test('what a provider refused or never got costs nothing', async () => {
  stage.upstream.on('fails', script.json(429, { error: { message: 'no' } }))
  const told = await together(20, () => stage.call('failing', { model: 'up/fails', ...hundred }))
  assert.ok(told.every(({ status }) => status === 429 || status === 402))
  await eventually(
    async () => (await stage.metric('sluice_inflight_requests')) <= 0,
    'nothing is under way',
  )
  assert.equal(costOf(linesOf(await stage.books(), 'failing')), 0)
  assert.deepEqual(tally(await together(30, () => stage.call('failing', hundred))), {
    200: 10,
    '402 budget_exceeded': 20,
  })
})

test('without max_tokens a call is let go for what the budget assumes, and may cost more once', async () => {
  // Four thousand assumed tokens are four dollars: never payable out of one.
  assert.equal((await stage.call('absent')).code, 'budget_exceeded')
  const told = await together(20, () => stage.call('assumes'))
  assert.deepEqual(tally(told), { 200: 2, '402 budget_exceeded': 18 })
  stage.upstream.on('broke', () => answered(false, 5, 5000))
  assert.equal((await stage.call('assumes', { model: 'up/broke' })).status, 200)
  assert.equal((await stage.call('assumes', { max_tokens: 1 })).code, 'budget_exceeded')
  const lines = await written('assumes', 3)
  // The bound: the limit, and what one call used beyond what it was let go for.
  assert.equal(costOf(lines), 5200 * nanosPerToken)
})

test('all answers of a call count, and the larger of the two spellings', async () => {
  for (const [fields, fit] of [
    [{ max_tokens: 100, n: 5 }, 2],
    [{ max_tokens: 500, max_completion_tokens: 1 }, 2],
    [{ max_tokens: 1, max_completion_tokens: 500 }, 2],
    // No provider is bound by these: what the budget assumes counts.
    [{ max_tokens: -1 }, 0],
    [{ max_tokens: 0 }, 0],
    [{ max_completion_tokens: -1_000_000_000 }, 0],
    [{ max_tokens: 1e300 }, 0],
  ] as const) {
    const go = Promise.withResolvers<void>()
    stage.upstream.on('slow', () => [script.until(go.promise), answered(false, 5, 0)])
    const before = asked('slow')
    const told = together(10, () => stage.call('choices', { model: 'up/slow', ...fields }))
    // Those that wait for the provider hold their money; all others have been refused by then.
    await eventually(() => asked('slow') - before === fit, JSON.stringify(fields))
    if (fit === 0) await told
    go.resolve()
    assert.deepEqual(tally(await told), {
      ...(fit && { 200: fit }),
      '402 budget_exceeded': 10 - fit,
    })
  }
})

test('a model without a price is refused where it must be paid, or let go and counted as nothing', async () => {
  assert.equal((await stage.call('unpriced', { model: 'up/nameless' })).code, 'model_unpriced')
  assert.equal(asked('nameless'), 0)
  assert.equal((await stage.call('allowed', { model: 'up/nameless' })).status, 200)
  const [line] = await written('allowed', 1)
  assert.deepEqual([line?.costNanos, line?.outputTokens, line?.charges], [null, 100, {}])
})

test('a new window has all its money, and each call is charged to the window it began in', async () => {
  const untilNext = 2000 - (Date.now() % 2000)
  await new Promise((resolve) => setTimeout(resolve, untilNext + 50))
  const go = Promise.withResolvers<void>()
  stage.upstream.on('slow', () => [script.until(go.promise), answered(false, 5, 100)])
  const before = asked('slow')
  const early = together(20, () => stage.call('short', { model: 'up/slow', ...hundred }))
  await eventually(() => asked('slow') - before === 10, 'ten are under way')
  await new Promise((resolve) => setTimeout(resolve, 2000 - (Date.now() % 2000) + 50))
  const late = await together(20, () => stage.call('short', hundred))
  go.resolve()
  assert.deepEqual(tally(await early), { 200: 10, '402 budget_exceeded': 10 })
  assert.deepEqual(tally(late), { 200: 10, '402 budget_exceeded': 10 })
  const lines = await written('short', 20)
  const windows = Map.groupBy(lines, ({ charges }) => Object.keys(charges).join())
  assert.deepEqual(
    [...windows.values()].map((each) => costOf(each)),
    [10 * nanosPerCall, 10 * nanosPerCall],
  )
})

test('in the end everything agrees, and no more is taken ahead than may be', async () => {
  const books = await stage.books()
  assert.deepEqual(contradictions(books), [])
  for (const { scope, scopeId, spent, leased } of books.budgets)
    assert.ok(spent >= 0 && leased >= 0, `${scope} ${scopeId}: ${spent} spent, ${leased} leased`)
  assert.ok(leasedOf(books, 'key') >= 0)
})
