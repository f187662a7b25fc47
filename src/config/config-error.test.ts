import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, renderConfigError } from './config-error.ts'
import { loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-errors-'))
after(() => rmSync(folder, { recursive: true }))

function render(text: string | Buffer, env: Record<string, string> = {}): string {
  writeFileSync(join(folder, 'sluice.yaml'), text)
  const type = { type: 'openai', defaultBaseUrl: 'https://x/v1', envKeys: [], needsKey: true }
  try {
    loadConfig({ flags: {}, env, cwd: folder, providerTypes: [type] })
  } catch (error) {
    if (error instanceof ConfigError) return renderConfigError(error)
    throw error
  }
  throw new Error('it loaded')
}

test('an unknown setting is shown with its place, the nearest name, its line and a caret', () => {
  assert.equal(
    render('version: 1\nmodels:\n  smart:\n    targets: [{ model: openai/x }]\n    fallback: []\n'),
    [
      'sluice.yaml:5:5  unknown setting "fallback" under models.smart. Did you mean "fallbacks"?',
      '      fallback: []',
      '      ^',
    ].join('\n'),
  )
})

test('all problems are reported at once', () => {
  const text = render('version: 2\nserver: { port: http, hots: a }\nauth: { inference: requird }\n')
  assert.deepEqual(
    text.split('\n').filter((line) => line.startsWith('sluice.yaml')),
    [
      'sluice.yaml:1:10  version must be 1, not 2.',
      'sluice.yaml:2:17  server.port must be a port number from 0 to 65535, not "http".',
      'sluice.yaml:2:23  unknown setting "hots" under server. Did you mean "host"?',
      'sluice.yaml:3:20  auth.inference must be required or optional, not "requird". Did you mean "required"?',
    ],
  )
})

test('text that is no YAML, repeats a key, is empty or no UTF-8 is named with its place', () => {
  assert.match(render('version: 1\nserver: [\n'), /^sluice\.yaml:\d+:\d+ {2}/)
  assert.match(render('version: 1\nversion: 1\n'), /^sluice\.yaml:2:1 .*unique/)
  assert.match(render(''), /^sluice\.yaml:1:1 {2}the file is empty/)
  assert.match(render('server:\nversion: 1\n'), /^sluice\.yaml:1:1 {2}server has no value/)
  assert.match(render('providers: {}\n'), /the file needs "version: 1"/)
  assert.match(render(Buffer.from([0x76, 0xff, 0xfe])), /not UTF-8/)
})

test('no secret is shown, whatever is wrong near it', () => {
  const secret = 'sk-live-0123456789abcdef'
  const texts = [
    `version: 1\nproviders: { openai: { keys: [{ value: ${secret}, wieght: 1 }] } }\n`,
    `version: 1\nproviders: { openai: { keys: [{ valeu: ${secret} }] } }\n`,
    `version: 1\nproviders: { openai: { headers: { x: ${secret} }, retires: 1 } }\n`,
    `version: 1\nproviders: { openai: { headers: ${secret} } }\n`,
    `version: 1\nproviders: { openai: { keys: ${secret} } }\n`,
    `version: 1\nproviders: { openai: ${secret} }\n`,
    `version: 1\nvirtual_keys: ${secret}\n`,
    `version: 1\nauth: { admin: { pasword: ${secret} } }\n`,
    `version: 1\nvirtual_keys: [{ name: a, value: ${secret} }]\n`,
    `version: 1\nstore: { url: "mysql://u:${secret}@h/d" }\n`,
    `version: 1\nproviders: { openai: { base_url: "https://u:${secret}@h" } }\n`,
    `version: 1\nserver: { port: "\${SECRET}" }\n`,
    `version: 1\nserver: { metrics: "\${SECRET}" }\n`,
    `version: 1\nauth: { admin: { password: "\${UNSET_ONE}\${X:-${secret}}" } }\n`,
    `version: 1\nauth: { admin: { password: ["${secret}"] } }\n`,
    `version: 1\nproviders: { openai: { keys: [ value: "${secret}", ]]\n`,
    `version: 1\npassword: ${secret}: [\n`,
    `version: 1\nauth: { admin: { password: !${secret} } }\n`,
    `version: 1\nauth: { admin: { password: *${secret} } }\n`,
  ]
  for (const text of texts) {
    const rendered = render(text, { SECRET: secret })
    assert.ok(!rendered.includes('0123456789'), rendered)
  }
})

test('the caret still points at the right place behind a hidden secret', () => {
  const line = 'providers: { openai: { keys: [{ value: sk-live-0123456789, wieght: 1 }] } }'
  const [, shown = '', caret = ''] = render(`version: 1\n${line}\n`).split('\n')
  assert.equal(shown.indexOf('wieght'), caret.indexOf('^'))
  assert.ok(shown.includes('value: ***, wieght'))
})

test('aliases that grow without bound or refer to themselves are refused', () => {
  const layers = Array.from({ length: 8 }, (_, i) => {
    const inner =
      i === 0
        ? 'x'
        : Array(12)
            .fill(`*l${i - 1}`)
            .join(', ')
    return `l${i}: &l${i} [${inner}]\n`
  })
  assert.match(render(`version: 1\n${layers.join('')}`), /nested too deeply or too large/)
  assert.match(render('version: 1\nserver: &s { host: *s }\n'), /nested too deeply/)
})
