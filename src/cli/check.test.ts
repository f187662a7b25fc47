import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCheck } from './check.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'))
after(() => rmSync(folder, { recursive: true }))

const providerTypes = [
  { type: 'openai', defaultBaseUrl: 'https://api.openai.com/v1', envKeys: [], needsKey: true },
  { type: 'demo', defaultBaseUrl: null, envKeys: [], needsKey: false },
]

async function check(text: string, env: Record<string, string> = {}, more: object = {}) {
  writeFileSync(join(folder, 'sluice.yaml'), text)
  let [out, err] = ['', '']
  const code = await runCheck({
    flags: {},
    env,
    cwd: folder,
    providerTypes,
    stdout: { write: (chunk: string) => (out += chunk), ...more },
    stderr: { write: (chunk: string) => (err += chunk) },
    ...more,
  })
  return { code, out, err }
}

const good = `version: 1
providers:
  demo: {}
  openai:
    keys:
      - { name: main, value: "\${OPENAI_API_KEY}" }
    retries: { max: 1 }
virtual_keys:
  - name: a
    value: sk-bf-5b1f3c1e-8d0e-4d0e-9a52-0c6f1f6f2a77
    budget: { usd: 50, per: 1d }
compat: { extra_fields: true }
`
const env = { OPENAI_API_KEY: 'sk-live-1234a1F9', SLUICE_HOST: '0.0.0.0' }

test('a good file is shown with where each value came from, without secrets', async () => {
  const { code, out, err } = await check(good, env)
  assert.equal(code, 0)
  assert.equal(err, '')
  const rows = out.split('\n').map((line) => line.trim().replace(/ {2,}/g, ' | '))
  assert.equal(rows[0], 'sluice.yaml: valid')
  for (const row of [
    'server.port | 8080 | default',
    'server.host | 0.0.0.0 | SLUICE_HOST',
    `providers.openai.keys[0] | main ...a1F9 | sluice.yaml:6 | \${OPENAI_API_KEY}`,
    'virtual_keys[0].budget | $50 per 1d | sluice.yaml:11',
    'accepted, but not in force in this version: compat.extra_fields',
  ])
    assert.ok(rows.includes(row), `${row}\n${out}`)
  assert.ok(!out.includes('sk-live') && !out.includes('5b1f3c1e'))
})

test('the proxies of the environment are shown with who goes through them', async () => {
  const { out } = await check(good, { ...env, HTTPS_PROXY: 'http://me:word@proxy:3128' })
  assert.match(out, /proxy environment: HTTPS_PROXY=http:\/\/\*\*\*@proxy:3128\//)
  assert.match(out, /openai {2}through http:\/\/\*\*\*@proxy:3128\//)
  assert.ok(!out.includes('word'))
  const direct = await check(good, { ...env, HTTPS_PROXY: 'http://p', NO_PROXY: 'openai.com' })
  assert.match(direct.out, /openai {2}direct/)
})

test('a bad file exits 2 and says what is wrong on stderr', async () => {
  const { code, out, err } = await check('version: 1\nsever: {}\n')
  assert.equal(code, 2)
  assert.equal(out, '')
  assert.match(err, /^sluice\.yaml:2:1 {2}unknown setting "sever"\. Did you mean "server"\?\n/)
})

test('as JSON every line parses, for good and bad files', async () => {
  const parse = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const fine = await check(good, env, { json: true })
  assert.deepEqual(parse(fine.out)[0], { kind: 'result', file: 'sluice.yaml', valid: true })
  assert.ok(parse(fine.out).some((line) => line.path === 'server.port' && line.value === '8080'))
  const bad = await check('version: 1\nsever: {}\n', {}, { json: true })
  assert.equal(bad.code, 2)
  assert.equal(parse(bad.out)[0].line, 2)
})

test('a narrow terminal loses the last columns, not the values', async () => {
  const { out } = await check(good, env, { columns: 60 })
  const rows = out.split('\n').filter((line) => line.startsWith('  '))
  assert.ok(rows.every((row) => !row.includes('sluice.yaml:')))
  assert.ok(rows.some((row) => row.includes('main ...a1F9')))
})
