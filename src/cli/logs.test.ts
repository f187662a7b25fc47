import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { after, test } from 'node:test'
import { startGateway } from '../../tests/support/start-gateway.ts'
import { providerTypes } from '../providers/registry.ts'
import { runLogs, runUsage } from './logs.ts'
import { parseLogsAsk, parseUsageAsk } from './logs-ask.ts'
import { renderCalls, renderUsage } from './logs-text.ts'
import { UsageError } from './usage-error.ts'

const key = 'sk-bf-00000000-0000-4000-8000-000000000001'
const gateway = await startGateway({
  config: {
    version: 1,
    auth: { admin: { password: 'correct horse' } },
    providers: { demo: { type: 'demo' } },
    virtual_keys: [{ name: 'app', value: key }],
  },
})
after(() => gateway.stop('SIGINT'))

const types = [...providerTypes.values()]
type LogFlags = Partial<Parameters<typeof parseLogsAsk>[1]>
const noLogFlags = Object.fromEntries(
  [
    ...['key', 'provider', 'model', 'route', 'error', 'status', 'kind'],
    ...['search', 'since', 'limit', 'after', 'url'],
  ].map((name) => [name, undefined]),
) as Parameters<typeof parseLogsAsk>[1]
const parse = (words: readonly string[], flags: LogFlags = {}) =>
  parseLogsAsk(words, { ...noLogFlags, ...flags })
const noUsageFlags = { by: undefined, bucket: undefined, since: undefined, url: undefined }

function optionsOf<Ask>(ask: Ask, json = false) {
  let printed = ''
  const options = {
    ...{ ask, json, env: {}, cwd: path.dirname(gateway.configFile), providerTypes: types },
    flags: { config: gateway.configFile },
    stdout: {
      write(text: string) {
        printed += text
      },
    },
  }
  return { options, printed: () => printed }
}

async function logs(words: readonly string[], flags: LogFlags = {}, json = false): Promise<string> {
  const { options, printed } = optionsOf(parse(words, { url: gateway.url, ...flags }), json)
  await runLogs(options)
  return printed()
}

async function chat(model: string): Promise<string> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  })
  await answer.body?.cancel()
  return answer.headers.get('x-sluice-call-id') ?? ''
}

async function logged(id: string): Promise<void> {
  while (!(await logs([])).includes(id));
}

test('calls are listed, chosen by flags, shown one by one and counted', async () => {
  const [good, bad] = [await chat('demo/hello'), await chat('nobody/knows')]
  await logged(good)
  await logged(bad)
  const all = await logs([])
  assert.match(all, /^TIME +STATUS +KIND +KEY +MODEL/)
  assert.ok(all.indexOf(bad) < all.indexOf(good), 'the newest first')
  const failed = await logs(['list'], { status: '4xx', key: 'app,other', since: '1h' })
  assert.ok(failed.includes(bad) && !failed.includes(good))
  assert.equal(await logs([], { search: 'nowhere at all' }), 'There are no such calls.\n')
  const lines = (await logs([], {}, true)).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { id: string }).id),
    [bad, good],
  )
  assert.match(await logs([], { limit: '1' }), /Older ones: the same with --after [0-9a-f-]{36}\n$/)
  const shown = await logs(['show', good])
  assert.match(shown, /^id +[0-9a-f-]{36}\n/)
  assert.match(shown, /attempt 1 +\{"provider":"demo"/)
  const { options, printed } = optionsOf(
    parseUsageAsk([], { ...noUsageFlags, by: 'key,model', since: '1d', url: gateway.url }),
  )
  await runUsage(options)
  assert.match(printed(), /^KEY +MODEL +CALLS/)
  assert.match(printed(), /\napp +hello +1 /)
})

test('calls are told as they end, until somebody ends it', async () => {
  const main = path.join(import.meta.dirname, '../main.ts')
  const flags = ['--url', gateway.url, '--config', gateway.configFile]
  const child = spawn(process.execPath, [main, 'logs', 'tail', '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  after(() => child.kill())
  let told = ''
  const heard = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text
      if (told.includes('\n')) resolve()
    })
  })
  // Nobody says when it begins to watch: calls are made until one is heard of.
  let isHeard = false
  void heard.then(() => {
    isHeard = true
  })
  while (!isHeard) await chat('demo/hello')
  assert.equal((JSON.parse(told.split('\n')[0] ?? '') as { key: string }).key, 'app')
})

test('what is asked wrongly is told in one sentence', async () => {
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => parse(['rm']), /no sluice logs rm.*sluice logs tail/],
    [() => parse(['show']), /needs the id of one call/],
    [() => parse(['tail', 'x']), /takes no "x"/],
    [() => parse(['tail'], { key: 'a' }), /--key belongs to sluice logs without tail/],
    [() => parse([], { since: 'yesterday' }), /--since is how long ago/],
    [() => parseUsageAsk(['x'], noUsageFlags), /flags alone/],
  ]
  for (const [ask, says] of cases)
    assert.throws(ask, (thrown) => thrown instanceof UsageError && says.test(thrown.message))
  await assert.rejects(logs([], { status: 'odd' }), /refused \(400\): "status\[0\]" must be/)
  await assert.rejects(logs(['show', '0']), /There is no such call in the log/)
  await assert.rejects(logs([], { url: 'http://127.0.0.1:9' }), /cannot be reached/)
})

test('what callers wrote does nothing to a terminal', () => {
  const call = {
    started_at: 't',
    route: 'a\u001b[31mb\nc',
    provider: null,
    cost_usd: null,
    id: 'i',
  }
  assert.match(renderCalls([call]), /a\?\[31mb\?c/)
  assert.match(renderUsage([{ key: 'x\u0007', cost_usd: '1' }], { cost_usd: '1' }, ['key']), /x\?/)
})
