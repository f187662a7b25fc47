import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { Sealer } from '../governance/sealer.ts'
import { providerTypes } from '../providers/registry.ts'
import { renderBanner } from './banner.ts'
import type { Identity } from './first-run.ts'

const key = 'sk-bf-11111111-2222-4333-8444-555555555555'
const password = 'abcd-efgh-jkmn'
const openaiKey = 'sk-proj-0123456789abcdef-TAIL'

function load(env: Record<string, string>, host?: string): LoadedConfig {
  return loadConfig({
    flags: { dataDir: '/tmp/nowhere', ...(host !== undefined && { host }) },
    env,
    cwd: import.meta.dirname,
    providerTypes: [...providerTypes.values()],
  })
}

function banner(
  loaded: LoadedConfig,
  terminal: boolean,
  generated: Identity['generated'] = { key, password },
): string {
  const identity: Identity = {
    keySecret: Buffer.alloc(32),
    sealer: new Sealer(Buffer.alloc(32)),
    hasFormer: false,
    admin: { username: 'admin', passwordHash: '' },
    generated,
  }
  return renderBanner(loaded, identity, {
    port: 4321,
    version: '1.2.3',
    terminal,
    firstRunFile: generated.key === null ? null : '/tmp/nowhere/first-run.txt',
  })
}

test('on a terminal the call to copy is complete, and the secrets are shown this once', () => {
  const text = banner(load({}), true)
  assert.match(text, /curl http:\/\/127\.0\.0\.1:4321\/v1\/chat\/completions/)
  assert.ok(text.includes(`Authorization: Bearer ${key}`))
  assert.match(text, /"model":"demo\/hello"/)
  assert.match(text, /OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:4321\/openai\/v1/)
  assert.match(text, /AZURE_OPENAI_ENDPOINT=http:\/\/127\.0\.0\.1:4321 /)
  assert.ok(text.includes(`admin / ${password}`))
})

test('elsewhere no secret is printed, but where it stands is', () => {
  const text = banner(load({}), false)
  assert.ok(!text.includes(key) && !text.includes(password), text)
  assert.match(text, /export SLUICE_KEY=\$\(grep .* \/tmp\/nowhere\/first-run\.txt\)/)
  assert.match(text, /Bearer \$SLUICE_KEY/)
})

test('later there is nothing to show and nothing to fetch', () => {
  const text = banner(load({}), true, { key: null, password: null })
  assert.ok(!text.includes('first-run.txt'), text)
  assert.ok(!text.includes('Admin'), text)
  assert.match(text, /Bearer \$SLUICE_KEY/)
})

test('a provider that was found says by which name, never the key', () => {
  const text = banner(load({ OPENAI_API_KEY: openaiKey }), true)
  assert.match(text, /openai +OPENAI_API_KEY/)
  assert.ok(!text.includes(openaiKey), text)
})

test('an address that stands for all, and one of version 6, become ones that can be called', () => {
  assert.match(banner(load({}, '0.0.0.0'), true), /curl http:\/\/127\.0\.0\.1:4321\//)
  assert.match(banner(load({}, '::1'), true), /curl http:\/\/\[::1\]:4321\//)
})
