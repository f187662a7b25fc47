import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, providerOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { GatewayError } from '../core/errors.ts'
import type { Credential, RequestToLetIn } from '../credentials/credential.ts'
import { addCredential, hasNewCredential } from './add-credential.ts'
import { named } from './conceal.ts'
import type { Provider } from './snapshot.ts'

const token = 'short-lived-token-1234'

function guarded(credential: Partial<Credential> = {}) {
  const asked: RequestToLetIn[] = []
  let refusals = 0
  const whole: Credential = {
    headersFor(request) {
      asked.push(request)
      return ['authorization', `Bearer ${token}`, 'x-goog-user-project', 'theirs']
    },
    refused: () => ++refusals === 1,
    secrets: () => [token],
    ...credential,
  }
  const provider: Provider = {
    ...providerOf({ baseUrl: 'https://provider.example:8443/base' }),
    credentials: new Map([['main', whole]]),
  }
  return { provider, credential: whole, asked, refusals: () => refusals }
}

const request = {
  path: '/base/x?y=1',
  headers: ['content-type', 'application/json', 'x-goog-user-project', 'ours'],
  body: Buffer.from('{}'),
}
const signal = new AbortController().signal

test('a credential is asked about the request as it goes out, and what is configured stands beside it', async () => {
  const { provider, credential, asked } = guarded()
  const sent = await addCredential(request, credential, provider, signal)
  assert.deepEqual(asked, [{ origin: 'https://provider.example:8443', ...request }])
  assert.deepEqual(sent, {
    ...request,
    headers: [...request.headers, 'authorization', `Bearer ${token}`],
  })
})

test('what a credential throws is the attempt’s failure', async () => {
  const error = new GatewayError('upstream_auth_failed', 'no token', { dispatched: false })
  const { provider, credential } = guarded({ headersFor: () => Promise.reject(error) })
  await assert.rejects(addCredential(request, credential, provider, signal), error)
})

test('only a refusal by the provider asks for another token', () => {
  const { provider, refusals } = guarded()
  const refused = new GatewayError('upstream_auth_failed', 'x', { upstreamStatus: 401 })
  const key = keyOf('main')
  assert.equal(hasNewCredential(new Error('x'), provider, key), false)
  assert.equal(hasNewCredential(new GatewayError('upstream_error', 'x'), provider, key), false)
  assert.equal(
    hasNewCredential(new GatewayError('upstream_auth_failed', 'x'), provider, key),
    false,
  )
  assert.equal(hasNewCredential(refused, provider, null), false)
  assert.equal(hasNewCredential(refused, provider, keyOf('other')), false)
  assert.equal(refusals(), 0)
  assert.equal(hasNewCredential(refused, provider, key), true)
  assert.equal(hasNewCredential(refused, provider, key), false)
})

test('tokens and the secrets of cloud keys are taken out of every message', () => {
  const { provider } = guarded()
  const cloud = {
    access_key_id: 'AKIAEXAMPLE1234',
    secret_access_key: 'aws-secret-1234',
    session_token: 'aws-session-1234',
    client_secret: 'entra-secret-1234',
    region: 'eu-central-1',
  }
  const message = `no: ${token} ${Object.values(cloud).join(' ')}`
  const told = named(new GatewayError('upstream_rejected', message), provider, {
    ...keyOf('main'),
    value: null,
    cloud,
  }).message
  assert.equal(told, 'Provider "up": no: [key] [key] [key] [key] [key] eu-central-1')
})
