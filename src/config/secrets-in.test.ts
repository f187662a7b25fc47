import assert from 'node:assert/strict'
import test from 'node:test'
import type { Config } from './config.ts'
import { secretsIn } from './secrets-in.ts'

test('every value that nobody may read is among the secrets, and names are not', () => {
  const config = {
    auth: { admin: { username: 'root', password: 'admin-password' } },
    virtualKeys: [{ name: 'a', value: 'sk-bf-key' }],
    store: { url: 'postgres://user:p%40ss@host/db' },
    providers: new Map([
      [
        'aws',
        {
          keys: [
            { name: 'k', value: null, cloud: { region: 'eu-1', secret_access_key: 'aws-secret' } },
            { name: 'l', value: 'provider-key', cloud: {} },
          ],
          headers: { 'x-title': 'public', 'x-api-key': 'header-secret', authorization: 'Token t0' },
          proxy: 'http://user:proxy-password@proxy:1',
        },
      ],
    ]),
  } as unknown as Config
  assert.deepEqual(secretsIn(config).toSorted(), [
    'Token t0',
    'admin-password',
    'aws-secret',
    'header-secret',
    'p@ss',
    'provider-key',
    'proxy-password',
    'sk-bf-key',
    't0',
  ])
})
