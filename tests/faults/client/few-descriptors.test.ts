import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  postBytes,
  type RawClient,
  type RawResponse,
  rawConnect,
} from '../../support/raw-client.ts'
import { startGateway } from '../../support/start-gateway.ts'
import { startUpstream } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'
import { goodAnswer } from '../upstream/retry-cell.ts'
import { eventually } from './client-rig.ts'

const descriptors = 200
const upstream = await startUpstream()
const release = Promise.withResolvers<void>()
upstream.on('held', [script.until(release.promise), goodAnswer(false)])
const gateway = await startGateway({
  entry: fileURLToPath(new URL('./serve-with-few-descriptors.ts', import.meta.url)),
  args: ['--log-format', 'json'],
  config: {
    version: 1,
    server: { drain: { grace: '1s' } },
    auth: { inference: 'optional' },
    providers: {
      demo: {},
      up: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, retries: { max: 0 } },
    },
  },
})
const calling: RawClient[] = []
after(async () => {
  release.resolve()
  for (const client of calling) client.destroy()
  await gateway.stop('SIGINT')
  await upstream.stop()
})

const messages = [{ role: 'user', content: 'hi' }]
const chat = (model: string, headers: Readonly<Record<string, string>> = {}): Buffer =>
  postBytes('/v1/chat/completions', headers, { model, messages })

async function ask(bytes: Uint8Array | string): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  await client.write(bytes)
  return await client.response()
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`

/** Who finds the door full is let in within a second. */
const isGood = (bytes: Uint8Array | string): Promise<boolean> =>
  ask(bytes).then(
    ({ status }) => status === 200,
    () => false,
  )

async function metric(name: string): Promise<number> {
  const { text } = await ask(get('/metrics'))
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

test('O08 connections that say nothing keep nobody out, however many come', async (t) => {
  const silent: RawClient[] = []
  for (let n = 0; n < 300; n++) {
    silent.push(await rawConnect(gateway.port))
    if (n % 50 === 49) {
      for (const bytes of [get('/readyz'), chat('up/quick')])
        await eventually('an answer', () => isGood(bytes))
      assert.ok(gateway.fds() < 0.9 * descriptors, `${gateway.fds()} of ${descriptors} in use`)
    }
  }
  t.diagnostic(`${gateway.fds()} of ${descriptors} descriptors in use`)
  assert.ok((await metric('sluice_connections')) <= 105)
  for (const client of silent) client.destroy()
  await eventually('they are gone', () => gateway.sockets() < 10)
})

test('O08 as many calls as there are descriptors for are served, the others are refused as overload', async (t) => {
  const submitted = await ask(chat('demo/hello', { 'x-bf-async': 'true' }))
  const poll = chat('demo/hello', { 'x-bf-async-id': submitted.headers['x-bf-async-id'] ?? '' })
  const answers: Promise<RawResponse>[] = []
  let refused = 0
  const held = (): number => upstream.requests.filter(({ model }) => model === 'held').length
  const hold = async (count: number): Promise<void> => {
    const clients = await Promise.all(Array.from({ length: count }, () => rawConnect(gateway.port)))
    calling.push(...clients)
    for (const client of clients) {
      const answer = client.write(chat('up/held')).then(() => client.response(30_000))
      answer.then(({ status }) => status === 503 && refused++).catch(() => undefined)
      answers.push(answer)
    }
    await eventually('each is held or refused', () => held() + refused === answers.length)
  }
  // A burst on which nothing that was counted before can have prepared, then one by one up to the limit.
  await hold(90)
  assert.ok(gateway.fds() < descriptors)
  const burst = refused
  while (refused === burst) await hold(1)
  t.diagnostic(`${held()} held, ${burst} refused, ${gateway.fds()} of ${descriptors} in use`)
  assert.ok(burst > 0 && held() > 50 && gateway.fds() < descriptors)
  assert.equal((await ask(get('/livez'))).status, 200)
  assert.equal((await ask(get('/readyz'))).status, 200)
  assert.equal((await ask(poll)).headers['x-bf-async-status'], 'completed')
  assert.ok((await metric('sluice_strain')) >= 2)
  assert.ok((await metric('sluice_strain_by_sign{sign="descriptors"}')) >= 2)
  release.resolve()
  const served = (await Promise.all(answers)).filter(({ status }) => status === 200)
  assert.equal(served.length, held())
  for (const client of calling) client.destroy()
  await eventually('it serves again', async () => (await ask(chat('up/quick'))).status === 200)
  await eventually('nothing is refused', async () => (await metric('sluice_strain')) === 0)
  const why = /"error":"overloaded","detail":"[^"]*files and sockets open as it may/
  await eventually('the log says why', () => why.test(gateway.stderr()))
  assert.doesNotMatch(gateway.stderr(), /EMFILE|"level":"(error|fatal)"/)
})
