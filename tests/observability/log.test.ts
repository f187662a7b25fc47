import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ended, repeatUntil, submit } from '../contract/job-client.ts'
import { callRecord, logLine } from '../contract/log-lines.ts'
import {
  type Ask,
  adminPassword,
  ask,
  basic,
  chat,
  configFor,
  type HeaderList,
  keys,
  requestBytes,
  upstreamKeys,
  withKey,
} from '../contract/stage.ts'
import { rawConnect } from '../support/raw-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { closedPort, startUpstream, type Upstream } from '../support/upstream.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json, raw, rst, stall, streamHead } from '../support/upstream-script.ts'

const callLines = (gateway: Gateway): readonly string[] =>
  gateway
    .stderr()
    .split('\n')
    .filter((line) => /"msg":"call"/.test(line))

describe('the log', { concurrency: 2 }, () => {
  let upstream: Upstream
  before(async () => {
    upstream = await startUpstream()
  })
  after(() => upstream.stop())

  test('every call is one line, however it ends', async () => {
    await using gateway = await startGateway({ config: configFor(upstream) })
    upstream.on('log-fails', json(500, openaiError('no')))
    upstream.on('log-breaks', [streamHead(), rst()])
    upstream.on('log-left', [streamHead(), stall()])
    const ids: (string | undefined)[] = []
    const call = async (asked: Ask): Promise<void> => {
      ids.push((await ask(gateway, asked)).headers['x-sluice-call-id'])
    }
    await call({ body: chat('openai/log-plain') })
    await call({ body: chat('openai/log-stream', { stream: true }) })
    await call({ body: chat('openai/log-fails') })
    await call({ body: chat('openai/log-breaks', { stream: true }) })
    await call({ body: '{"model":' })
    await call({ body: chat('openai/x'), headers: withKey(keys.unknown) })
    const job = await submit(gateway, chat('openai/log-job'))
    const polled = await ended(gateway, job.headers['x-bf-async-id'] ?? '')
    ids.push(job.headers['x-sluice-call-id'], polled.headers['x-sluice-call-id'])
    using client = await rawConnect(gateway.port)
    const headers: HeaderList = [...withKey(keys.open), ['x-request-id', 'log-left']]
    await client.write(requestBytes({ body: chat('openai/log-left', { stream: true }), headers }))
    await upstream.next(({ model }) => model === 'log-left')
    client.destroy()
    const left = await logLine(gateway, ({ request }) => request === 'log-left')
    const run = await logLine(gateway, ({ step }) => step === 'run')
    ids.push(String(left['call']), String(run['call']))
    for (const id of ids) await callRecord(gateway, id ?? '')
    const told = callLines(gateway).map((line) => String(JSON.parse(line).call))
    assert.deepEqual(told.toSorted(), ids.toSorted())
  })

  test('pretty lines are for people, and their level and message stand in front', async () => {
    await using gateway = await startGateway({
      config: configFor(upstream),
      args: ['--log-format', 'pretty'],
    })
    await ask(gateway, { body: chat('openai/log-pretty') })
    const pattern = /^\d\d:\d\d:\d\d\.\d{3} INFO {2}call {2}call=\S+ .*status=200 /m
    await repeatUntil(
      async () => gateway.stderr(),
      (said) => pattern.test(said),
    )
    assert.doesNotMatch(gateway.stderr(), /^\{/m)
    assert.ok(!gateway.stderr().includes('\u001b'), 'colours without a terminal')
  })

  test('the environment sets what no flag does, and lines below the level are not written', async () => {
    await using gateway = await startGateway({
      config: { ...configFor(upstream), log: { level: 'trace', format: 'pretty' } },
      env: { SLUICE_LOG_LEVEL: 'fatal', SLUICE_LOG_FORMAT: 'json' },
      args: ['--log-level', 'warn'],
    })
    await ask(gateway, { body: chat('openai/log-level') })
    process.kill(gateway.pid, 'SIGINT')
    await gateway.exited
    assert.deepEqual(callLines(gateway), [])
    assert.doesNotMatch(gateway.stderr(), /draining/)
  })
})

const secrets = {
  header: 'canary-configured-header',
  proxy: 'canary-proxy-password',
  wrong: 'canary-wrong-password',
  session: 'canary-session-value',
  foreign: 'sk-canaryforeign0123456789abcdef',
}

test('no failure puts a secret into the log', async () => {
  await using upstream = await startUpstream()
  const nowhere = await closedPort()
  const config = configFor(upstream)
  await using gateway = await startGateway({
    config: {
      ...config,
      log: { level: 'trace' },
      providers: {
        ...config.providers,
        openai: { ...config.providers.openai, headers: { 'x-own-token': secrets.header } },
        proxied: {
          type: 'openai-compatible',
          base_url: 'http://provider.example/v1',
          proxy: `http://user:${secrets.proxy}@127.0.0.1:${nowhere}`,
          keys: [{ name: 'p', value: upstreamKeys.spare }],
        },
        away: { type: 'openai-compatible', base_url: `http://127.0.0.1:${nowhere}/v1` },
      },
    },
  })
  // A provider that says back all that it was sent.
  const echoes = ({ rawHeaders }: { readonly rawHeaders: unknown }) => JSON.stringify(rawHeaders)
  for (const status of [400, 401, 403, 404, 429, 500, 503])
    upstream.on(`echo-${status}`, (request) => json(status, openaiError(echoes(request))))
  upstream.on('echo-garbage', (request) => raw(`${echoes(request)}\r\n\r\n`))
  upstream.on('echo-cut', (request) => [streamHead(), raw(echoes(request)), rst()])
  const call = (model: string, headers = withKey(keys.open), more = {}) =>
    ask(gateway, { body: chat(model, more), headers })
  for (const status of [400, 401, 403, 404, 429, 500, 503]) {
    await call(`openai/echo-${status}`)
    await call(`openai/echo-${status}`, undefined, { stream: true })
  }
  for (const model of ['openai/echo-garbage', 'openai/echo-cut', 'proxied/x', 'away/x']) {
    await call(model)
    await call(model, undefined, { stream: true })
  }
  await ended(
    gateway,
    (await submit(gateway, chat('openai/echo-500'))).headers['x-bf-async-id'] ?? '',
  )
  const wrong = basic('admin', secrets.wrong)
  for (const headers of [
    [['authorization', wrong]],
    [['authorization', `Bearer ${secrets.foreign}`]],
    [['x-bf-vk', keys.unknown]],
    [['x-bf-vk', keys.expired]],
    [['api-key', keys.disabled]],
    [...withKey(keys.open), ['x-request-id', secrets.foreign]],
    [...withKey(keys.open), ['user-agent', keys.open]],
    [...withKey(keys.open), ['x-bf-api-key', upstreamKeys.main]],
    [...withKey(keys.pinning), ['x-bf-api-key', upstreamKeys.main]],
    [...withKey(keys.open), ['x-bf-dim-token', secrets.foreign]],
    [...withKey(keys.open), ['cookie', `sluice_session=${secrets.session}`]],
  ] satisfies HeaderList[])
    await call('nowhere/x', headers)
  for (const model of [upstreamKeys.main, secrets.foreign, `openai/${keys.open}`]) await call(model)
  await ask(gateway, { path: '/api/config', headers: [['authorization', wrong]] })
  await ask(gateway, { path: '/api/config', headers: withKey(keys.open) })
  await ask(gateway, { path: `/v1/models/${secrets.foreign}`, headers: withKey(keys.open) })
  await ask(gateway, {
    path: '/api/session/login',
    headers: [['content-type', 'application/json']],
    body: { username: 'admin', password: secrets.wrong },
  })
  await ask(gateway, { path: '/v1/chat/completions', method: 'PUT', body: secrets.foreign })
  using broken = await rawConnect(gateway.port)
  await broken.write(Buffer.from(`GET / HTTP/1.1\r\nauthorization ${secrets.foreign}\r\n\r\n`))
  await broken.closed
  const last = await call('openai/good')
  await callRecord(gateway, last.headers['x-sluice-call-id'] ?? '')
  process.kill(gateway.pid, 'SIGINT')
  await gateway.exited
  const said = gateway.stdout() + gateway.stderr()
  assert.ok(callLines(gateway).length >= 35, `${callLines(gateway).length} lines`)
  const hidden = [
    ...[adminPassword, ...Object.values(secrets), wrong.slice(6)],
    ...Object.values(upstreamKeys),
    ...Object.values(keys),
  ]
  for (const secret of hidden)
    assert.ok(
      !said.includes(secret),
      said.split('\n').find((line) => line.includes(secret)),
    )
})
