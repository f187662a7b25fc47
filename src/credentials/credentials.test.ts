import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Credential } from './credential.ts'
import { type CredentialSettings, Credentials } from './credentials.ts'
import type { LoadPackage } from './optional-package.ts'

const patient = new AbortController().signal
const request = {
  origin: 'https://provider.example',
  path: '/v1/x',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{}'),
}

const clientSecret = 'entra-client-secret-1234'
const entra = (authority: string): CredentialSettings => ({
  type: 'azure',
  value: null,
  settings: {
    tenant_id: 'contoso.example',
    client_id: 'app',
    client_secret: clientSecret,
    authority,
  },
  proxy: null,
})

interface Answer {
  readonly status?: number
  readonly body: string
  readonly location?: string
}

/** A token endpoint on loopback that answers what `answer` says and keeps what it was asked. */
async function tokenEndpoint(t: TestContext, answer: (n: number) => Answer) {
  const asked: { readonly path: string; readonly form: URLSearchParams }[] = []
  const server: Server = createServer(async (req, res) => {
    let text = ''
    for await (const piece of req) text += piece
    asked.push({ path: String(req.url), form: new URLSearchParams(text) })
    const { status = 200, body, location } = answer(asked.length)
    res
      .writeHead(status, { 'content-type': 'application/json', ...(location && { location }) })
      .end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { asked, authority: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function opened(settings: CredentialSettings, load?: LoadPackage) {
  const clock = new ManualClock()
  const credentials = new Credentials({ clock, ...(load && { load }) })
  const credential = credentials.open(settings)
  assert.ok(credential)
  const headers = async (): Promise<readonly string[]> => credential.headersFor(request, patient)
  return { clock, credentials, credential, headers }
}

const token = (n: number, seconds: number | string = 3600): Answer => ({
  body: JSON.stringify({ token_type: 'Bearer', expires_in: seconds, access_token: `token-${n}` }),
})

const fails =
  (code: string, message: RegExp) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.code, code)
    assert.match(thrown.message, message)
    assert.equal(thrown.facts.dispatched, false)
    assert.doesNotMatch(JSON.stringify([thrown.message, thrown.facts]), new RegExp(clientSecret))
    return true
  }

test('Entra: the application’s credentials become a bearer token, fetched once for all who wait', async (t) => {
  const { asked, authority } = await tokenEndpoint(t, (n) => token(n))
  const { credential, headers } = opened(entra(`${authority}/`))
  const all = await Promise.all(Array.from({ length: 20 }, headers))
  for (const each of all) assert.deepEqual(each, ['authorization', 'Bearer token-1'])
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.path, '/contoso.example/oauth2/v2.0/token')
  assert.deepEqual(Object.fromEntries(asked[0]?.form ?? []), {
    grant_type: 'client_credentials',
    client_id: 'app',
    client_secret: clientSecret,
    scope: 'https://cognitiveservices.azure.com/.default',
  })
  assert.deepEqual(credential.headersFor(request, patient), ['authorization', 'Bearer token-1'])
  assert.deepEqual(credential.secrets(), ['token-1'])
})

test('Entra: a token that was refused is replaced', async (t) => {
  const { authority } = await tokenEndpoint(t, (n) => token(n, '3599'))
  const { clock, credential, headers } = opened(entra(authority))
  await headers()
  await clock.advance(60_000)
  assert.equal(credential.refused(), true)
  assert.deepEqual(await headers(), ['authorization', 'Bearer token-2'])
  assert.deepEqual(credential.secrets(), ['token-2', 'token-1'])
})

test('Entra: a refusal names the error and its number, and nothing that was sent', async (t) => {
  const { authority } = await tokenEndpoint(t, () => ({
    status: 401,
    body: JSON.stringify({
      error: 'invalid_client',
      error_description: `AADSTS7000215: Invalid client secret provided: ${clientSecret}`,
    }),
  }))
  await assert.rejects(
    opened(entra(authority)).headers(),
    fails('upstream_auth_failed', /\(invalid_client, AADSTS7000215\).*client_secret/),
  )
})

for (const [name, answer, code, message] of [
  [
    'a page in place of JSON',
    { status: 403, body: '<h1>no</h1>' },
    'upstream_auth_failed',
    /status 403/,
  ],
  ['a 200 without a token', { body: '{}' }, 'upstream_auth_failed', /without a token/],
  [
    'a token that no header can carry',
    { body: '{"access_token":"a\\nb","expires_in":9}' },
    'upstream_auth_failed',
    /without a token/,
  ],
  ['an answer of a megabyte', { body: 'x'.repeat(1 << 20) }, 'upstream_auth_failed', /too long/],
  ['an endpoint in trouble', { status: 503, body: '' }, 'upstream_unreachable', /status 503/],
  [
    'an endpoint that limits',
    { status: 429, body: '{"error":"slow_down"}' },
    'upstream_unreachable',
    /slow_down/,
  ],
] as const)
  test(`Entra: ${name} is ${code}`, async (t) => {
    const { authority } = await tokenEndpoint(t, () => answer)
    await assert.rejects(opened(entra(authority)).headers(), fails(code, message))
  })

test('Entra: a redirect is not followed', async (t) => {
  const elsewhere = await tokenEndpoint(t, (n) => token(n))
  const { authority } = await tokenEndpoint(t, () => ({
    status: 307,
    body: '',
    location: elsewhere.authority,
  }))
  await assert.rejects(
    opened(entra(authority)).headers(),
    fails('upstream_auth_failed', /status 307/),
  )
  assert.equal(elsewhere.asked.length, 0)
})

test('Entra: an endpoint that cannot be reached says so', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  t.diagnostic(`nobody listens on ${port}`)
  await assert.rejects(
    opened(entra(`http://127.0.0.1:${port}`)).headers(),
    fails('upstream_unreachable', /Microsoft Entra cannot be reached \(ECONNREFUSED/),
  )
})

const vertex = (settings: CredentialSettings['settings'] = {}): CredentialSettings => ({
  type: 'vertex',
  value: null,
  settings: { project: 'p', location: 'global', ...settings },
  proxy: null,
})

/** Plays `google-auth-library`: each client gives the next token. */
function googleLibrary(members: object = {}) {
  const made: unknown[] = []
  class Client {
    credentials = {}
    constructor(options?: unknown) {
      made.push(options)
      Object.assign(this, members)
    }
    fromJSON(file: unknown): void {
      made.push(file)
    }
    async getAccessToken(): Promise<object> {
      return { token: `ya29.${made.length}` }
    }
  }
  const library = {
    JWT: Client,
    UserRefreshClient: Client,
    ExternalAccountClient: { fromJSON: (file: unknown) => new Client(file) },
    GoogleAuth: class {
      readonly #options: unknown
      constructor(options: unknown) {
        this.#options = options
      }
      async getClient(): Promise<Client> {
        return new Client(this.#options)
      }
    },
  }
  const load: LoadPackage = async (name) => {
    assert.equal(name, 'google-auth-library')
    return library
  }
  return { made, load }
}

async function fileOf(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'google-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'credentials.json')
  await writeFile(file, text)
  return file
}

const scopes = 'https://www.googleapis.com/auth/cloud-platform'

test('Google: a service account’s file becomes tokens that live as long as they say', async (t) => {
  const endsAt = Date.UTC(2026, 0, 1) + 3600_000
  const { made, load } = googleLibrary({ credentials: { expiry_date: endsAt } })
  const file = await fileOf(
    t,
    '{"type":"service_account","client_email":"a@b","private_key":"PEM","private_key_id":"1"}',
  )
  const { clock, headers } = opened(vertex({ credentials_file: file }), load)
  assert.deepEqual(await headers(), ['authorization', 'Bearer ya29.1'])
  await clock.advance(50 * 60_000)
  assert.deepEqual(await headers(), ['authorization', 'Bearer ya29.1'])
  assert.deepEqual(made, [{ email: 'a@b', key: 'PEM', keyId: '1', scopes }])
  await clock.advance(9.5 * 60_000)
  assert.deepEqual(await headers(), ['authorization', 'Bearer ya29.2'])
})

test('Google: default credentials of a person say whom to count the use for', async () => {
  const { made, load } = googleLibrary({ quotaProjectId: 'billed' })
  assert.deepEqual(await opened(vertex(), load).headers(), [
    'authorization',
    'Bearer ya29.1',
    'x-goog-user-project',
    'billed',
  ])
  assert.deepEqual(made, [{ scopes }])
})

test('Google: the files of a person and of a workload identity are known too', async (t) => {
  for (const type of ['authorized_user', 'external_account']) {
    const file = await fileOf(t, JSON.stringify({ type }))
    const { made, load } = googleLibrary()
    const [name] = await opened(vertex({ credentials_file: file }), load).headers()
    assert.equal(name, 'authorization')
    assert.deepEqual(made.at(-1), { type })
  }
})

for (const [name, text, message] of [
  ['that is not JSON', 'private stuff', /is not JSON$/],
  ['that is a list', '["private stuff"]', /is not JSON$/],
  ['of another kind', '{"type":"private stuff"}', /of no known type/],
] as const)
  test(`Google: a file ${name} is refused without quoting it`, async (t) => {
    const file = await fileOf(t, text)
    await assert.rejects(
      opened(vertex({ credentials_file: file }), googleLibrary().load).headers(),
      (thrown) =>
        fails('upstream_auth_failed', message)(thrown) &&
        !String((thrown as Error).message).includes('private stuff'),
    )
  })

test('Google: a file that is not there says why', async () => {
  await assert.rejects(
    opened(vertex({ credentials_file: '/nowhere/sa.json' }), googleLibrary().load).headers(),
    fails('upstream_auth_failed', /cannot be read \(ENOENT\)/),
  )
})

test('Google: no token is no success', async () => {
  const { load } = googleLibrary({ getAccessToken: async () => ({ token: null }) })
  await assert.rejects(opened(vertex(), load).headers(), fails('upstream_auth_failed', /no token/))
})

const bedrock = (settings: CredentialSettings['settings'] = {}): CredentialSettings => ({
  type: 'bedrock',
  value: null,
  settings: { region: 'eu-central-1', ...settings },
  proxy: null,
})

test('AWS: without keys the standard chain is asked, and asked again before what it gave ends', async () => {
  const asked: object[] = []
  const start = Date.UTC(2026, 0, 1)
  const load: LoadPackage = async (name) => {
    assert.equal(name, '@aws-sdk/credential-providers')
    return {
      fromNodeProviderChain: (options: object) => async () => {
        asked.push(options)
        return {
          accessKeyId: `AKIA${asked.length}`,
          secretAccessKey: 's',
          sessionToken: `session-${asked.length}`,
          expiration: new Date(start + asked.length * 3600_000),
        }
      },
    }
  }
  const { clock, credential, headers } = opened(bedrock({ profile: 'team' }), load)
  const credentialOf = (all: readonly string[]): string =>
    /Credential=(\w+)\/\d+\/eu-central-1\//.exec(all.join(' '))?.[1] ?? ''
  assert.equal(credentialOf(await headers()), 'AKIA1')
  assert.equal(credentialOf(await headers()), 'AKIA1')
  assert.deepEqual(asked, [{ profile: 'team', clientConfig: { region: 'eu-central-1' } }])
  await clock.advance(3600_000)
  assert.equal(credentialOf(await headers()), 'AKIA2')
  assert.deepEqual(credential.secrets(), ['AKIA2', 's', 'session-2', 'AKIA1', 's', 'session-1'])
})

for (const [settings, name] of [
  [bedrock(), '@aws-sdk/credential-providers'],
  [vertex(), 'google-auth-library'],
] as const)
  test(`${name} is named where it is missing`, async () => {
    const load: LoadPackage = async () => {
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    }
    await assert.rejects(
      opened(settings, load).headers(),
      fails('upstream_auth_failed', new RegExp(`"${name}".*npm install ${name}`)),
    )
  })

test('fixed credentials need nothing of this', () => {
  const credentials = new Credentials({ clock: new ManualClock() })
  for (const type of ['openai', 'azure', 'vertex', 'bedrock'])
    assert.equal(
      credentials.open({ type, value: 'k', settings: { region: 'x' }, proxy: null }),
      null,
    )
  assert.equal(credentials.open({ type: 'openai', value: null, settings: {}, proxy: null }), null)
})

test('a reload keeps the token of settings that stayed, and lets go of the others', async (t) => {
  const { asked, authority } = await tokenEndpoint(t, (n) => token(n))
  const { credentials, credential, headers } = opened(entra(authority))
  await headers()
  const other: CredentialSettings = { ...entra(authority), proxy: 'http://127.0.0.1:1' }
  credentials.keepOnly([entra(authority), other])
  const again = credentials.open(entra(authority)) as Credential
  assert.equal(again, credential)
  credentials.keepOnly([other])
  const anew = credentials.open(entra(authority)) as Credential
  assert.notEqual(anew, credential)
  await anew.headersFor(request, patient)
  assert.equal(asked.length, 2)
})
