import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../../tests/faults/upstream/provider-fixture.ts'
import type { ProviderConfig } from '../config/config.ts'
import { credentialSettings } from './credential-settings.ts'

const provider = (proxy: string | null): ProviderConfig =>
  ({ type: 'azure', proxy }) as Partial<ProviderConfig> as ProviderConfig

const key = (cloud: Readonly<Record<string, string>> = {}) => ({ ...keyOf(), value: null, cloud })

test('a token endpoint is reached through the provider’s proxy, else as the environment says', () => {
  const env = { HTTPS_PROXY: 'proxy.example:3128', NO_PROXY: 'login.inside.example' }
  const proxyOf = (from: ProviderConfig, cloud = {}, around = {}): string | null =>
    credentialSettings(from, key(cloud), around).proxy
  assert.equal(proxyOf(provider(null)), null)
  assert.equal(proxyOf(provider(null), {}, env), 'http://proxy.example:3128')
  assert.equal(proxyOf(provider('http://own:1'), {}, env), 'http://own:1')
  assert.equal(proxyOf(provider(null), { authority: 'https://login.inside.example' }, env), null)
  assert.equal(proxyOf(provider(null), {}, { HTTPS_PROXY: 'socks5://x:1' }), null)
})

test('what a key says is handed on as it is', () => {
  const cloud = { tenant_id: 't' }
  assert.deepEqual(credentialSettings(provider(null), key(cloud), {}), {
    type: 'azure',
    value: null,
    settings: cloud,
    proxy: null,
  })
})
