import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postBytes, type RawResponse, rawConnect } from '../support/raw-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { openaiError, openaiReply } from '../support/upstream-openai.ts'
import { json } from '../support/upstream-script.ts'
import { eventually } from './upstream/rig.ts'

// Whatever a provider or a token endpoint repeats of what it was sent: no secret comes out.

const canaries = {
  entraSecret: 'c4n4ry-entra-client-secret',
  entraToken: 'c4n4ry-entra-access-token',
  accessKey: 'C4N4RYAKIDEXAMPLE',
  secretKey: 'c4n4ry-aws-secret-access-key',
  session: 'c4n4ry-aws-session-token',
}

let upstream: Upstream
let gateway: Gateway

before(async () => {
  upstream = await startUpstream()
  let broken = false
  upstream.otherwise((request) => {
    const [, tenant] = /^\/(\w+)\/oauth2\/v2\.0\/token$/.exec(request.pathname) ?? []
    if (tenant === 'good' && !broken) {
      broken = true
      return json(200, { access_token: canaries.entraToken, expires_in: 3600 })
    }
    if (tenant !== undefined)
      return json(401, {
        error: 'invalid_client',
        error_description: `AADSTS7000215: ${request.body.toString()}`,
      })
    // An endpoint that echoes all it got.
    if (/echo/.test(request.path)) {
      const message = `you sent ${JSON.stringify(request.headers)} ${Object.values(canaries)}`
      return json(400, { ...openaiError(message), message })
    }
    return openaiReply(request)
  })
  const application = (tenant: string): object => ({
    tenant_id: tenant,
    client_id: 'app',
    client_secret: canaries.entraSecret,
    authority: upstream.url,
  })
  gateway = await startGateway({
    config: {
      version: 1,
      server: { drain: { delay: '0s' } },
      auth: { inference: 'optional' },
      providers: {
        good: { type: 'azure', base_url: upstream.url, keys: [application('good')] },
        bad: { type: 'azure', base_url: upstream.url, keys: [application('bad')] },
        aws: {
          type: 'bedrock',
          base_url: upstream.url,
          keys: [
            {
              access_key_id: canaries.accessKey,
              secret_access_key: canaries.secretKey,
              session_token: canaries.session,
              region: 'eu-central-1',
            },
          ],
        },
      },
    },
    args: ['--log-level', 'debug', '--log-format', 'json'],
  })
})

after(async () => {
  // A gateway that did not start must not keep the upstream listening.
  try {
    await gateway.stop('SIGINT')
  } finally {
    await upstream.stop()
  }
})

async function call(model: string): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  const messages = [{ role: 'user', content: 'one two three' }]
  await client.write(postBytes('/v1/chat/completions', {}, { model, messages }))
  return await client.response(10_000)
}

const noCanaries = (text: string): void => {
  for (const canary of Object.values(canaries)) assert.ok(!text.includes(canary), canary)
}

test('Entra: calls carry the token, which is fetched once', async () => {
  for (const answer of await Promise.all([call('good/gpt-4o'), call('good/gpt-4o')]))
    assert.equal(answer.status, 200)
  const chats = upstream.requests.filter(({ pathname }) => pathname.includes('/chat/'))
  assert.deepEqual(
    chats.map(({ headers }) => [headers['authorization'], headers['api-key']]),
    chats.map(() => [`Bearer ${canaries.entraToken}`, undefined]),
  )
  assert.equal(upstream.requests.length, chats.length + 1)
})

test('Entra: a refused application is a 502 that names the key and the number of the error', async () => {
  const { status, body } = await call('bad/gpt-4o')
  assert.equal(status, 502)
  const { error } = JSON.parse(body.toString()) as { error: { code: string; message: string } }
  assert.equal(error.code, 'upstream_auth_failed')
  assert.match(error.message, /^Provider "bad", key "key-1": .*AADSTS7000215/)
  noCanaries(body.toString())
})

test('AWS: requests are signed, with the model’s name in the path', async () => {
  await call('aws/eu.some.model-v1:0')
  const { path, headers } = await upstream.next(({ pathname }) => pathname.startsWith('/model/'))
  assert.equal(path, '/model/eu.some.model-v1%3A0/converse')
  assert.match(
    String(headers['authorization']),
    new RegExp(
      `^AWS4-HMAC-SHA256 Credential=${canaries.accessKey}/\\d{8}/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$`,
    ),
  )
  assert.equal(headers['x-amz-security-token'], canaries.session)
})

test('nothing that is echoed comes out, neither to the caller nor into the log', async () => {
  for (const model of ['good/echo', 'aws/echo']) {
    const { status, body } = await call(model)
    assert.equal(status, 400, body.toString())
    assert.match(body.toString(), /you sent/)
    if (model.startsWith('good')) {
      assert.ok(!body.includes(canaries.entraToken))
      assert.ok(!body.includes(canaries.entraSecret))
    } else {
      assert.ok(!body.includes(canaries.accessKey))
      assert.ok(!body.includes(canaries.secretKey))
      assert.ok(!body.includes(canaries.session))
    }
  }
  const records = (): number => gateway.stderr().match(/"upstream_rejected"/g)?.length ?? 0
  await eventually(() => records() >= 2, 'both calls are in the log')
  noCanaries(gateway.stderr() + gateway.stdout())
})
