import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { runSluice } from '../../tests/contract/run-sluice.ts'
import { startGateway } from '../../tests/support/start-gateway.ts'
import { parseKeysAsk } from './keys-ask.ts'
import { renderKeyList } from './keys-text.ts'
import { UsageError } from './usage-error.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-cli-keys-'))
after(() => rmSync(folder, { recursive: true }))
const noFlags = {
  url: undefined,
  models: undefined,
  team: undefined,
  requests: undefined,
  tokens: undefined,
  budget: undefined,
  expires: undefined,
}
const value = /^sk-bf-[0-9a-f-]{36}\n$/

test('the flags become the fields of a key', () => {
  const flags = { models: 'smart, openai/*', requests: '5/1m', budget: '50/1d', team: 'web' }
  assert.deepEqual(parseKeysAsk(['create', 'a b'], { ...noFlags, ...flags }), {
    action: 'create',
    name: 'a b',
    fields: {
      models: ['smart', 'openai/*'],
      team: 'web',
      limits: { requests: '5/1m' },
      budget: { usd: '50', per: '1d' },
    },
    url: null,
  })
})

test('what is no command is told with what there is', () => {
  const cases: readonly (readonly [string[], object, RegExp])[] = [
    [[], {}, /It is sluice keys create NAME/],
    [['make', 'x'], {}, /no sluice keys make/],
    [['create'], {}, /needs one name/],
    [['revoke', 'a', 'b'], {}, /needs one name/],
    [['list', 'x'], {}, /no sluice keys list x/],
    [['list'], { models: 'x' }, /--models belongs to sluice keys create/],
    [['create', 'x'], { budget: '50' }, /--budget is dollars per time/],
  ]
  for (const [words, flags, says] of cases)
    assert.throws(
      () => parseKeysAsk(words, { ...noFlags, ...flags }),
      (thrown) =>
        thrown instanceof UsageError && thrown.exitCode === 2 && says.test(thrown.message),
    )
})

test('a name that a terminal would obey is shown and not obeyed', () => {
  const table = renderKeyList([{ name: 'a\u001b[2Jb', hint: 'sk', enabled: true, id: 'x' }])
  assert.ok(!table.includes('\u001b'))
  assert.match(table, /a\?\[2Jb/)
})

test('of a running gateway keys are made, listed and revoked, at once', async () => {
  const password = 'a-good-password'
  await using gateway = await startGateway({
    config: { version: 1, auth: { admin: { password } }, providers: { demo: {} } },
  })
  const run = (...args: string[]) =>
    runSluice([...args, '--config', gateway.configFile, '--url', gateway.url], { cwd: folder })
  const call = async (key: string): Promise<number> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const messages = [{ role: 'user', content: 'hi' }]
    const body = JSON.stringify({ model: 'demo/hello', messages })
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body,
    })
    await answer.arrayBuffer()
    return answer.status
  }
  const made = await run('keys', 'create', 'checkout', '--models', 'demo/*', '--requests', '1/1h')
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, value)
  const key = made.stdout.trim()
  assert.deepEqual([await call(key), await call(key)], [200, 429])
  const listed = await run('keys', 'list')
  assert.match(listed.stdout, /^NAME {2,}KEY/)
  assert.match(listed.stdout, /^checkout {2,}sk-bf-….{4} {2,}enabled {2,}- {2,}api/m)
  assert.ok(!listed.stdout.includes(key))
  const twice = await run('keys', 'create', 'checkout')
  assert.equal(twice.code, 1)
  assert.match(twice.stderr, /another virtual key of that name/)
  const revoked = await run('keys', 'revoke', 'checkout')
  assert.match(revoked.stdout, /"checkout" opens nothing any more/)
  assert.equal(await call(key), 401)
  const again = await run('keys', 'revoke', 'checkout')
  assert.deepEqual([again.code, /no key "checkout"/.test(again.stderr)], [1, true])
})

test('where none runs the store itself is asked, unless a gateway holds it', async () => {
  const port = await freePort()
  const config = path.join(folder, 'sluice.yaml')
  const yaml = `version: 1\nserver: { port: ${port} }\nauth: { admin: { password: x } }\nproviders: { demo: {} }\n`
  writeFileSync(config, yaml)
  const place = ['--config', config, '--data-dir', path.join(folder, 'data')]
  const made = await runSluice(['keys', 'create', 'before the start', ...place], { cwd: folder })
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, value)
  const wrong = ['keys', 'create', 'x', '--requests', 'many', ...place]
  const refused = await runSluice(wrong, { cwd: folder })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /"limits.requests" must be a rate such as 100\/1m/)
  const listed = await runSluice(['keys', 'list', '--json', ...place], { cwd: folder })
  const keys = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string })
  assert.deepEqual(
    keys.map(({ name }) => name),
    ['before the start'],
  )
  const gateway = await startGateway({ args: ['--data-dir', path.join(folder, 'data')] })
  try {
    const headers = { authorization: `Bearer ${made.stdout.trim()}` }
    assert.equal((await fetch(`${gateway.url}/v1/models`, { headers })).status, 200)
    const held = await runSluice(['keys', 'list', ...place], { cwd: folder })
    assert.equal(held.code, 1)
    assert.match(held.stderr, /data/)
  } finally {
    await gateway.stop('SIGINT')
  }
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
