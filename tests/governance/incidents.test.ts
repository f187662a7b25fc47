// What has gone wrong in gateways of this kind, by the public reports of it, and what must happen here instead.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { eventually } from '../faults/upstream/rig.ts'
import { startGateway } from '../support/start-gateway.ts'
import * as script from '../support/upstream-script.ts'
import {
  answered,
  configFor,
  type Fields,
  type Governed,
  nanosPerToken,
  openGoverned,
  plainPrice,
  secretOf,
  tally,
  together,
} from './governed.ts'
import { contradictions, type StoredLine } from './read-books.ts'

const hundred = { max_tokens: 100 }
const nanosPerCall = 100 * nanosPerToken
const day = (usd: number): Fields => ({ budget: { usd, per: '1d' } })

let stage: Governed
before(async () => {
  stage = await openGoverned({
    keys: {
      headers: { limits: { requests: '5/1h' } },
      rate100: { limits: { requests: '100/1m' } },
      sameid: day(1),
      formed: day(5),
      nonsense: day(5),
      nul: day(5),
      twice: day(1),
      reloaded: day(1),
      rich: day(1_000_000),
      poor: { team: 'poor' },
      poll: { limits: { requests: '1/1h' }, ...day(1) },
      lists: { limits: { requests: '1/1h' } },
    },
    teams: [{ name: 'poor', ...day(1) }],
    prices: { 'up/m': plainPrice, 'up/odd': plainPrice, 'up/silent': plainPrice },
  })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
})
after(() => stage[Symbol.asyncDispose]())

async function linesOf(key: string, count: number): Promise<readonly StoredLine[]> {
  const books = await stage.booksWhen(
    ({ lines }) => lines.filter((line) => line.key === key).length >= count,
  )
  assert.deepEqual(contradictions(books), [])
  return books.lines.filter((line) => line.key === key)
}

test('a limit of 100 let 544 through: here 100 of 1,000 at once', async () => {
  const told = await together(1000, () => stage.call('rate100'))
  const { 200: good = 0 } = tally(told)
  // While they come, time passes in which a minute's hundred refills.
  assert.ok(good >= 100 && good <= 105, String(good))
})

test('rich keys skipped the reservation: here a million dollars are reserved like one', async () => {
  stage.upstream.on('held', [script.wait(50), answered(false, 5, 100)])
  await together(20, () => stage.call('rich', hundred))
  const lines = await linesOf('rich', 20)
  assert.ok(lines.every(({ costNanos }) => costNanos === nanosPerCall))
})

test("spend was booked by the caller's own request id, and repeated ids were free", async () => {
  const headers = { 'x-request-id': 'always-the-same', 'idempotency-key': 'the-same-as-well' }
  const told = await together(30, () => stage.call('sameid', hundred, headers))
  assert.deepEqual(tally(told), { 200: 10, '402 budget_exceeded': 20 })
  assert.equal((await linesOf('sameid', 10)).length, 10)
})

test('one key sent in another header, or spelled otherwise, had a limit of its own', async () => {
  const value = secretOf('headers')
  const spellings: readonly Fields[] = [
    { authorization: `Bearer ${value}` },
    { authorization: `bearer ${value}` },
    { 'x-bf-vk': value },
    { 'x-api-key': value },
    { 'api-key': value },
    { 'x-goog-api-key': value },
    { 'x-bf-vk': value.toUpperCase() },
    { authorization: `Bearer ${value.toUpperCase()}` },
  ]
  const told = await together(40, (i) => stage.call('', {}, spellings[i % spellings.length]))
  const { 200: good = 0, '429 rate_limit_exceeded': refused = 0, ...others } = tally(told)
  assert.equal(good, 5)
  assert.ok(refused > 0)
  assert.deepEqual(
    Object.keys(others).filter((each) => each !== '401 invalid_api_key'),
    [],
  )
})

test('streams were booked at nothing: here they cost what whole replies cost', async () => {
  await stage.call('formed', hundred)
  await stage.call('formed', { ...hundred, stream: true })
  await stage.call('formed', { ...hundred, stream: true, stream_options: { include_usage: true } })
  const lines = await linesOf('formed', 3)
  assert.deepEqual(
    lines.map(({ costNanos, estimated }) => [costNanos, estimated]),
    [
      [nanosPerCall, 0],
      [nanosPerCall, 0],
      [nanosPerCall, 0],
    ],
  )
})

test('what a provider says of usage was believed: negative counts paid back, huge ones stopped the ledger', async () => {
  const odd: readonly unknown[] = [
    { prompt_tokens: -1_000_000, completion_tokens: -1_000_000 },
    { prompt_tokens: 1e300, completion_tokens: 1e300 },
    { prompt_tokens: 5, completion_tokens: Number.MAX_SAFE_INTEGER },
    { prompt_tokens: '5', completion_tokens: '7' },
    { prompt_tokens: 5.7, completion_tokens: 3.9 },
    { prompt_tokens: 5, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 1e12 } },
    { prompt_tokens: null, completion_tokens: null },
    [],
  ]
  let next = 0
  stage.upstream.on('odd', () =>
    script.json(200, {
      ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
      choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
      usage: odd[next++ % odd.length],
    }),
  )
  const told: number[] = []
  for (let call = 0; call < odd.length; call++)
    told.push((await stage.call('rich', { model: 'up/odd', ...hundred })).status)
  assert.deepEqual(new Set(told), new Set([200]))
  const lines = (await linesOf('rich', 20 + odd.length)).filter(({ model }) => model === 'odd')
  assert.equal(lines.length, odd.length)
  for (const { costNanos, inputTokens, outputTokens } of lines) {
    assert.ok(costNanos !== null && costNanos >= 0 && Number.isSafeInteger(costNanos))
    assert.ok(inputTokens >= 0 && outputTokens >= 0 && outputTokens <= 1e9)
  }
  assert.equal(await stage.metric('sluice_ledger_waiting'), 0)
})

test('a name that the database could not hold stopped everything behind it', async () => {
  const names = [
    'up/a\u0000b',
    'up/\ud800',
    'up/%00',
    `up/${'x'.repeat(490)}`,
    "up/'; drop table ledger",
  ]
  await together(names.length, (i) => stage.call('nul', { model: names[i], ...hundred }))
  assert.equal((await stage.call('nul', hundred)).status, 200)
  const lines = await linesOf('nul', 1)
  assert.ok(lines.some(({ costNanos }) => costNanos === nanosPerCall))
})

test('a field given twice, or spelled with escapes, was priced by the one and sent by the other', async () => {
  const { gateway, upstream } = stage
  const before = upstream.requests.length
  const send = async (body: string): Promise<number> => {
    const headers = {
      authorization: `Bearer ${secretOf('twice')}`,
      'content-type': 'application/json',
    }
    const url = `${gateway.url}/v1/chat/completions`
    return (await fetch(url, { method: 'POST', headers, body })).status
  }
  const rest = '"model":"up/m","messages":[{"role":"user","content":"x"}]'
  assert.equal(await send(`{"max_tokens":1,"max_tokens":100000,${rest}}`), 400)
  assert.equal(await send(`{"max_tokens":1,"max\\u005ftokens":100000,${rest}}`), 400)
  assert.equal(await send(`{"max\\u005ftokens":100000,${rest}}`), 402)
  assert.equal(upstream.requests.length, before)
})

test('reading the configuration anew, or a restart, set what was spent to nothing', async () => {
  assert.equal((await stage.call('reloaded', { max_tokens: 600 })).status, 200)
  await linesOf('reloaded', 1)
  const { gateway } = stage
  const text = readFileSync(gateway.configFile, 'utf8')
  const reloads = () => gateway.stderr().split('configuration').length
  const before = reloads()
  writeFileSync(gateway.configFile, text.replace('"drain"', '"max_reply": "31MiB", "drain"'))
  process.kill(gateway.pid, 'SIGHUP')
  await eventually(() => reloads() > before, 'the configuration was read anew')
  assert.equal((await stage.call('reloaded', { max_tokens: 950 })).code, 'budget_exceeded')
  await stage.stop('SIGTERM')
  await stage.restart()
  assert.equal((await stage.call('reloaded', { max_tokens: 950 })).code, 'budget_exceeded')
  assert.equal((await stage.call('reloaded', { max_tokens: 700 })).status, 200)
})

test('a limit under a wrong name was ignored without a word: here the start is refused', async () => {
  for (const wrong of [
    { budgets: { usd: 1, per: '1d' } },
    { limits: { rpm: 10 } },
    { budget: { usd: -1, per: '1d' } },
    { budget: { usd: 1, per: '0d' } },
    { limits: { requests: '0/1m' } },
  ]) {
    const config = configFor({ keys: { wrong } }, stage.upstream.url)
    await assert.rejects(startGateway({ config }), /ended with code 2/)
  }
})

test('a price a million times too high locked everybody out: here it is refused as a slip of the pen', async () => {
  const prices = { 'up/m': { input_per_million: 2_500_000, output_per_million: 1 } }
  const config = configFor({ keys: { any: {} }, prices }, stage.upstream.url)
  await assert.rejects(startGateway({ config }), /slip of the pen/)
})

test('what a team has in all, and what it has left, was told to each of its keys', async () => {
  await together(12, () => stage.call('poor', hundred))
  const { text, code } = await stage.call('poor', hundred)
  assert.equal(code, 'budget_exceeded')
  assert.match(text, /team \\"poor\\" has a budget/)
  assert.doesNotMatch(text, /may spend|1\.00/)
})

test('asking for a job cost as much as making it: here a poll is free and needs no money', async () => {
  const submitted = await stage.call('poll', hundred, { 'x-bf-async': 'true' })
  const id = String(submitted.headers['x-bf-async-id'])
  const told = await together(10, () =>
    stage.call('poll', {}, { 'x-bf-async-id': id, 'x-bf-async-wait': '5' }),
  )
  assert.deepEqual(tally(told), { 200: 10 })
  assert.equal((await linesOf('poll', 1)).length, 1)
})

test('listing models used up the limit', async () => {
  const told = await together(10, () => stage.send('GET', '/v1/models', 'lists'))
  assert.deepEqual(tally(told), { 200: 10 })
  assert.equal((await stage.call('lists')).status, 200)
})
