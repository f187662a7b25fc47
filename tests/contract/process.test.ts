import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { rawConnect } from '../support/raw-client.ts'
import { startGateway } from '../support/start-gateway.ts'
import { startUpstream } from '../support/upstream.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { event, json, lastChunk, streamHead, until } from '../support/upstream-script.ts'
import { callRecord, logLine } from './log-lines.ts'
import { runSluice } from './run-sluice.ts'
import {
  adminBasic,
  adminPassword,
  ask,
  basic,
  chat,
  configFor,
  keys,
  requestBytes,
  upstreamKeys,
  withKey,
} from './stage.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-process-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const upstream = await startUpstream()
after(() => upstream.stop())

function fileOf(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}
const good = fileOf('good.yaml', 'version: 1\nproviders: { demo: {} }\n')
const bad = fileOf('bad.yaml', 'version: 1\nproviders:\n  demo: { keyz: [] }\n')

describe('bad usage and bad configuration end with one paragraph and their code', {
  concurrency: 2,
}, () => {
  for (const [args, code, says] of [
    [['--prot', '1'], 2, /There is no flag "--prot". Did you mean "--port"\?/],
    [['--port', 'abc'], 2, /port/],
    [['--port', '70000'], 2, /port/],
    [['--port'], 2, /--port needs a value/],
    [['--config', 'missing.yaml'], 2, /missing\.yaml/],
    [['--log-format', 'xml'], 2, /pretty.*json/],
    [['server'], 2, /There is no command "server". Did you mean "serve"\?/],
    [['check', '--config', bad], 2, /bad\.yaml:3.*keyz.*keys/s],
    [['--config', bad], 2, /bad\.yaml:3.*keyz.*keys/s],
    [['check', 'more'], 2, /There is no argument "more"/],
  ] as const)
    test(args.join(' '), async () => {
      const ended = await runSluice(args, { cwd: folder })
      assert.deepEqual([ended.code, ended.stdout], [code, ''])
      assert.match(ended.stderr, says)
      assert.doesNotMatch(ended.stderr, /\n\s+at .*:\d+/)
      assert.ok(ended.stderr.trim().split('\n').length <= 12, ended.stderr)
    })

  test('check of a good file exits 0 and shows where values come from, offline', async () => {
    const { code, stdout, stderr } = await runSluice(['check', '--config', good], {
      cwd: folder,
      env: { SLUICE_PORT: '1234' },
    })
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /good\.yaml: valid/)
    assert.match(stdout, /server\.port\s+1234\s+SLUICE_PORT/)
    assert.ok(!readdirSync(folder).includes('data'))
  })

  test('help and version exit 0 on stdout', async () => {
    for (const [flag, says] of [
      ['--help', /--data-dir DIR/],
      ['--version', /^\d+\.\d+\.\d+\n$/],
    ] as const) {
      const { code, stdout, stderr } = await runSluice([flag], { cwd: folder })
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, says)
    }
  })
})

const streamOf = (content: string, finish: string | null = null): object => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})

/** A gateway in the middle of a stream; `release` lets the upstream finish it. */
async function midStream(model: string, drain: object) {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  upstream.on(model, [
    streamHead(),
    event(streamOf('one')),
    until(released),
    event(streamOf('two', 'stop')),
    event('[DONE]'),
    lastChunk(),
  ])
  const gateway = await startGateway({ config: { ...configFor(upstream), server: { drain } } })
  const client = await rawConnect(gateway.port)
  await client.write(requestBytes({ body: chat(`openai/${model}`, { stream: true }) }))
  await client.readUntil('one')
  return {
    gateway,
    client,
    release,
    async [Symbol.asyncDispose]() {
      client.destroy()
      await gateway.stop('SIGINT')
    },
  }
}

describe('a signal ends it in order', { concurrency: 2 }, () => {
  test('an open stream is finished within the grace, then the exit is 0', async () => {
    await using stream = await midStream('drain-finished', { delay: '0s', grace: '600s' })
    const { gateway, client, release } = stream
    process.kill(gateway.pid, 'SIGTERM')
    await logLine(gateway, ({ msg }) => msg === 'draining: closed to new connections')
    await assert.rejects(rawConnect(gateway.port), { code: 'ECONNREFUSED' })
    release()
    const rest = (await client.readUntil('0\r\n\r\n')).toString()
    assert.match(rest, /"two".*data: \[DONE\]\n\n/s)
    assert.deepEqual(await gateway.exited, { code: 0, signal: null })
    assert.equal((await client.closed).how, 'fin')
  })

  test('a stream that outlasts the grace ends with an error frame and without [DONE]', async () => {
    await using stream = await midStream('drain-cut', { delay: '0s', grace: '1ms' })
    const { gateway, client } = stream
    process.kill(gateway.pid, 'SIGTERM')
    const rest = (await client.readUntil('0\r\n\r\n')).toString()
    assert.match(rest, /data: \{"error":\{"message":"[^"]+".*"code":"gateway_shutdown"/)
    assert.doesNotMatch(rest, /\[DONE\]/)
    assert.deepEqual(await gateway.exited, { code: 0, signal: null })
  })

  test('while it waits before closing it is not ready, but still serves', async () => {
    await using gateway = await startGateway({
      config: { ...configFor(upstream), server: { drain: { delay: '600s' } } },
    })
    const ready = () => ask(gateway, { path: '/readyz', headers: [] })
    assert.equal((await ready()).status, 200)
    process.kill(gateway.pid, 'SIGTERM')
    await logLine(gateway, ({ msg }) => `${msg}`.startsWith('draining: not ready'))
    const answer = await ready()
    assert.deepEqual([answer.status, answer.json()], [503, { status: 'draining' }])
    assert.equal((await ask(gateway, { path: '/livez', headers: [] })).status, 200)
    assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
    await gateway.kill()
  })
})

test('no secret gets into stdout, the log, the metrics or the data', async () => {
  const master = 'canary-master-key-of-32-characters'
  await using gateway = await startGateway({
    config: { ...configFor(upstream), log: { level: 'trace' } },
    env: { SLUICE_ENCRYPTION_KEY: master },
  })
  const leaky = `Incorrect key ${upstreamKeys.main} for ${upstream.url}`
  for (const status of [400, 401, 429, 500])
    upstream.on(`leaks-${status}`, json(status, openaiError(leaky)))
  const bodies: string[] = []
  const call = async (
    body: object | string,
    headers: Parameters<typeof requestBytes>[0]['headers'] = withKey(keys.open),
  ): Promise<string> => {
    const answer = await ask(gateway, { body, headers })
    bodies.push(answer.text, JSON.stringify(answer.rawHeaders))
    return answer.headers['x-sluice-call-id'] ?? ''
  }
  const prompt = { messages: [{ role: 'user', content: 'canary-prompt' }] }
  await call({ ...prompt, model: 'openai/good' })
  for (const status of [400, 401, 429, 500]) {
    await call({ ...prompt, model: `openai/leaks-${status}` })
    await call({ ...prompt, model: `openai/leaks-${status}`, stream: true })
  }
  await call('{"model": "canary-prompt')
  for (const key of [keys.unknown, keys.expired, keys.disabled, keys.narrow])
    await call({ ...prompt, model: 'demo/hello' }, withKey(key))
  await call({ ...prompt, model: 'demo/hello' }, [['authorization', adminBasic]])
  await call({ ...prompt, model: 'demo/hello' }, [
    ['authorization', basic('canary-user', 'canary-wrong-password')],
  ])
  const last = await call({ ...prompt, model: 'nowhere/x' }, [
    ...withKey(keys.open),
    ['cookie', 'session=canary-cookie'],
    ['x-api-key', 'canary-foreign-key'],
  ])
  await callRecord(gateway, last)
  const metrics = (await ask(gateway, { path: '/metrics', headers: [] })).text
  const config = (await ask(gateway, { path: '/openapi.json', headers: [] })).text
  process.kill(gateway.pid, 'SIGINT')
  await gateway.exited
  const said = gateway.stdout() + gateway.stderr()
  assert.match(said, /"status":500/)
  const data = readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  assert.ok(data.length > 0)
  const secrets = [
    master,
    adminPassword,
    adminBasic.slice(6),
    ...Object.values(upstreamKeys),
    ...Object.values(keys),
    'canary-wrong-password',
    'canary-cookie',
    'canary-foreign-key',
  ]
  for (const secret of secrets) {
    assert.ok(!said.includes(secret), `${secret} is in the log`)
    assert.ok(!(metrics + config).includes(secret), `${secret} is in the metrics`)
    assert.ok(!data.some((text) => text.includes(secret)), `${secret} is in the data`)
    assert.ok(!bodies.some((text) => text.includes(secret)), `${secret} is in an answer`)
  }
  assert.ok(!said.includes('canary-prompt'), 'a prompt is in the log')
})
