import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import type { SeenRequest } from '../../support/upstream-request.ts'
import * as script from '../../support/upstream-script.ts'
import { contentOf } from './chunks.ts'
import { assertError, assertWholeStream } from './expect.ts'
import { goodAnswer } from './retry-cell.ts'
import { openStage, type Stage, whoIn } from './retry-stage.ts'
import { eventually } from './rig.ts'

const admin = `Basic ${Buffer.from('admin:a-good-password').toString('base64')}`
/** Calls that make the times of a route known. */
const usual = 60

const names = ['plain', 'stream', 'fail', 'leave', 'lost', 'unknown', 'explained', 'many'] as const
const hedge = { extra_percent: 100, after: '100ms' }

let stage: Stage
before(async () => {
  stage = await openStage({
    providers: { slow: {}, spare: {}, keyed: { keys: ['k1', 'k2'] } },
    models: {
      ...Object.fromEntries(
        names.map((name) => [
          name,
          { targets: [{ model: `slow/${name}` }, { model: `spare/${name}` }], hedge },
        ]),
      ),
      many: {
        targets: [{ model: 'slow/many' }, { model: 'spare/many' }],
        hedge: { extra_percent: 1, after: '30ms' },
      },
      keyed: { targets: [{ model: 'keyed/keyed' }], hedge },
      once: { targets: [{ model: 'slow/once' }, { model: 'spare/once' }] },
    },
    auth: { admin: { password: 'a-good-password' } },
  })
})
after(() => stage.close())

/** Makes the usual times of a route known, for one form of calls. */
async function warm(model: string, stream: boolean): Promise<void> {
  stage.on(model, () => goodAnswer(stream))
  for (let call = 0; call < usual; call++)
    assert.equal((await stage.call(model, { stream })).status, 200)
}

const isFrom =
  (provider: string, model: string) =>
  (request: SeenRequest): boolean =>
    request.model === model && whoIn(request).startsWith(`${provider}/`)

/** The latest request of a provider for a model. */
function lastOf(provider: string, model: string): SeenRequest {
  const found = stage.upstream.requests.findLast(isFrom(provider, model))
  assert.ok(found, `${provider} was never asked for ${model}`)
  return found
}

interface AttemptLine {
  readonly provider: string
  readonly role?: string
  readonly error?: string
  readonly input_tokens?: number
  readonly estimated?: boolean
}

async function attemptsOf(label: string): Promise<readonly AttemptLine[]> {
  const record = await stage.record(label)
  return record['attempts'] as readonly AttemptLine[]
}

async function hedges(outcome: string): Promise<number> {
  const response = await fetch(`${stage.gateway.url}/metrics`, { headers: { connection: 'close' } })
  const pattern = new RegExp(`^sluice_hedges_total\\{.*outcome="${outcome}"\\} (\\d+)$`, 'gm')
  const text = await response.text()
  return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function explain(model: string): Promise<Record<string, unknown> | null> {
  const response = await fetch(`${stage.gateway.url}/api/explain`, {
    method: 'POST',
    headers: { authorization: admin, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ model }),
  })
  assert.equal(response.status, 200)
  const { hedge } = (await response.json()) as { hedge: Record<string, unknown> | null }
  return hedge
}

describe('a second attempt beside one that is late', () => {
  for (const stream of [false, true]) {
    const model = stream ? 'stream' : 'plain'
    test(`${model}: the second answers, and the first one’s connection is closed at once`, async () => {
      await warm(model, stream)
      const before = await hedges('won')
      stage.on(model, (who) =>
        who.startsWith('slow/') ? script.stall() : goodAnswer(stream, 'quick'),
      )
      using client = await stage.open(model, { stream })
      const response = await client.response(10_000)
      const answeredAt = performance.now()
      if (stream) assert.equal(contentOf(assertWholeStream(response)), 'quick')
      else assert.match(response.text, /"content":"quick"/)
      const { headers } = response
      assert.equal(headers['x-sluice-provider'], 'spare')
      assert.equal(headers['x-sluice-attempts'], '2')
      assert.equal(headers['x-sluice-fallback-index'], undefined)
      const { how, at } = await lastOf('slow', model).closed
      assert.match(how, /^(fin|rst)$/)
      assert.ok(at - answeredAt < 100, `closed ${at - answeredAt} ms after the answer`)
      const [first, second] = await attemptsOf(client.label)
      assert.deepEqual([first?.provider, first?.error], ['slow', 'outrun'])
      assert.equal(first?.estimated, true)
      assert.ok((first?.input_tokens ?? 0) > 0, 'what was given up may be billed')
      assert.deepEqual(
        [second?.provider, second?.role, second?.error, second?.input_tokens],
        ['spare', 'hedge', undefined, 3],
      )
      assert.equal((await hedges('won')) - before, 1)
    })
  }

  test('the first may still win; the second is metered as a guess and its connection closed', async () => {
    await warm('lost', false)
    const before = await hedges('lost')
    const release = Promise.withResolvers<void>()
    stage.on('lost', (who) =>
      who.startsWith('spare/')
        ? script.stall()
        : [script.until(release.promise), goodAnswer(false, 'first')],
    )
    using client = await stage.open('lost')
    await stage.upstream.next(isFrom('spare', 'lost'))
    release.resolve()
    const response = await client.response(10_000)
    assert.match(response.text, /"content":"first"/)
    assert.equal(response.headers['x-sluice-provider'], 'slow')
    assert.match((await lastOf('spare', 'lost').closed).how, /^(fin|rst)$/)
    const [lost, won] = await attemptsOf(client.label)
    assert.deepEqual(
      [lost?.provider, lost?.role, lost?.error, lost?.estimated],
      ['spare', 'hedge', 'outrun', true],
    )
    assert.deepEqual([won?.provider, won?.role, won?.error], ['slow', undefined, undefined])
    assert.equal((await hedges('lost')) - before, 1)
  })

  test('without another target it goes by another key', async () => {
    await warm('keyed', false)
    let late: string | undefined
    stage.on('keyed', (who) => {
      late ??= who
      return who === late ? script.stall() : goodAnswer(false, 'other key')
    })
    const response = await stage.call('keyed')
    assert.match(response.text, /"content":"other key"/)
    assert.equal(response.headers['x-sluice-attempts'], '2')
  })

  test('when both fail the truer failure is told', async () => {
    await warm('fail', false)
    stage.on('fail', (who) =>
      who.startsWith('slow/')
        ? [script.wait(300), script.reply(200, '<html>log in</html>')]
        : [script.wait(50), script.json(422, openaiError('That is not a number'))],
    )
    const response = await stage.call('fail')
    assertError(response, 422, { code: 'upstream_rejected', message: 'That is not a number' })
    assert.equal(response.headers['x-sluice-attempts'], '2')
  })

  for (const stream of [false, true])
    test(`a ${stream ? 'stream’s' : 'plain'} caller who leaves ends both`, async () => {
      await warm('leave', stream)
      stage.on('leave', () => script.stall())
      const client = await stage.open('leave', { stream })
      await eventually(
        () => stage.asked('leave').slice(-2).join() === 'slow/k1,spare/k1',
        'both are asked',
      )
      client.destroy()
      for (const provider of ['slow', 'spare'])
        assert.match((await lastOf(provider, 'leave').closed).how, /^(fin|rst)$/)
      const errors = (await attemptsOf(client.label)).map(({ error }) => error)
      assert.deepEqual(errors, ['client_closed', 'client_closed'])
    })

  test('a stream that won goes on as long as its caller reads, and ends when he leaves', async () => {
    await warm('leave', true)
    stage.on('leave', (who) =>
      who.startsWith('slow/')
        ? script.stall()
        : [script.streamHead(), script.event(firstChunk), script.stall()],
    )
    const client = await stage.open('leave', { stream: true })
    await client.readUntil((bytes) => bytes.includes('"content":"a"'))
    client.destroy()
    assert.match((await lastOf('spare', 'leave').closed).how, /^(fin|rst)$/)
  })
})

const firstChunk = { choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }] }

describe('what a second attempt needs', () => {
  test('times that are known: nobody is asked twice before', async () => {
    stage.on('unknown', (who) =>
      who.startsWith('slow/') ? [script.wait(400), goodAnswer(false)] : goodAnswer(false),
    )
    const response = await stage.call('unknown')
    assert.equal(response.headers['x-sluice-provider'], 'slow')
    assert.deepEqual(stage.asked('unknown'), ['slow/k1'])
  })

  test('a part of what all calls cost: over a thousand calls no more than that is added', async () => {
    let number = 0
    stage.on('many', (who) =>
      who.startsWith('slow/') && ++number % 25 === 0
        ? [script.wait(200), goodAnswer(false)]
        : goodAnswer(false),
    )
    const some = async (): Promise<void> => {
      for (let call = 0; call < 125; call++) assert.equal((await stage.call('many')).status, 200)
    }
    await Promise.all(Array.from({ length: 8 }, some))
    const asked = stage.asked('many')
    const extra = asked.filter((who) => who.startsWith('spare/')).length
    assert.equal(asked.length - extra, 1000)
    assert.ok(extra > 0, 'nobody was asked twice')
    assert.ok(extra <= 10, `${extra} of 1000 were asked twice, at one percent`)
  })

  test('a setting: without it nobody is asked twice', async () => {
    await warm('once', false)
    stage.on('once', () => [script.wait(300), goodAnswer(false)])
    assert.equal((await stage.call('once')).headers['x-sluice-attempts'], '1')
    assert.equal(await explain('once'), null)
  })
})

test('explain tells whether a second attempt would be made, and after how long', async () => {
  const before = await explain('explained')
  assert.equal(before?.['extra_percent'], 100)
  assert.equal(before?.['to'], 'spare/explained')
  const none = { after_ms: null, samples: 0, why_not: 'of 50 answers the times of 0 are known' }
  assert.deepEqual(before?.['stream'], none)
  await warm('explained', false)
  const later = await explain('explained')
  assert.deepEqual(later?.['stream'], none)
  const plain = later?.['plain'] as Record<string, unknown>
  assert.deepEqual([plain['samples'], plain['why_not']], [usual, null])
  assert.ok(Number(plain['after_ms']) >= 100)
})
