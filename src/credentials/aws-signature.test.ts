import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type AwsIdentity, signAwsRequests } from './aws-signature.ts'
import type { RequestToLetIn } from './credential.ts'

interface Signable {
  readonly method: string
  /** As it stands in the canonical request. */
  readonly canonicalPath: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

interface Scope {
  readonly date: string
  readonly region: string
  readonly service: string
  readonly secret: string
}

const sha256 = (data: Uint8Array | string): string =>
  createHash('sha256').update(data).digest('hex')
const hmac = (key: Uint8Array | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()

/** The algorithm as AWS describes it, step by step. */
function signatureOf(request: Signable, { date, region, service, secret }: Scope): string {
  const names = Object.keys(request.headers).sort()
  const canonical = [
    request.method,
    request.canonicalPath,
    request.query,
    ...names.map((name) => `${name}:${request.headers[name]}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n')
  const scope = [date.slice(0, 8), region, service, 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<Buffer | string>((from, part) => hmac(from, part), `AWS4${secret}`)
  return hmac(key, toSign).toString('hex')
}

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const identity: AwsIdentity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: secret }
const clock = new ManualClock(Date.UTC(2015, 7, 30, 12, 36, 0))
const body = Buffer.from('{"messages":[]}')
const request: RequestToLetIn = {
  origin: 'https://bedrock-runtime.us-east-1.amazonaws.com',
  path: '/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse',
  headers: ['content-type', 'application/json', 'accept', 'application/json'],
  body,
}

async function signed(
  who = identity,
  changes: Partial<RequestToLetIn> = {},
): Promise<Record<string, string>> {
  const credential = signAwsRequests({ region: 'us-east-1', identity: who, clock })
  const added = await credential.headersFor(
    { ...request, ...changes },
    new AbortController().signal,
  )
  const names = added.filter((_, i) => i % 2 === 0)
  return Object.fromEntries(names.map((name, i) => [name, added[2 * i + 1] as string]))
}

test('the algorithm of these tests gives the signature of AWS’s own example (get-vanilla)', () => {
  const signature = signatureOf(
    {
      method: 'GET',
      canonicalPath: '/',
      query: '',
      headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
      body: '',
    },
    { date: '20150830T123600Z', region: 'us-east-1', service: 'service', secret },
  )
  assert.equal(signature, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31')
})

test('a request is signed for bedrock, with the encoded path encoded once more', async () => {
  const headers = await signed()
  const signature = signatureOf(
    {
      method: 'POST',
      canonicalPath: '/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse',
      query: '',
      headers: {
        'content-type': 'application/json',
        host: 'bedrock-runtime.us-east-1.amazonaws.com',
        'x-amz-content-sha256': sha256(body),
        'x-amz-date': '20150830T123600Z',
      },
      body,
    },
    { date: '20150830T123600Z', region: 'us-east-1', service: 'bedrock', secret },
  )
  assert.deepEqual(headers, {
    'x-amz-date': '20150830T123600Z',
    'x-amz-content-sha256': sha256(body),
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
  })
})

test('an ARN with encoded slashes, a port and a query are signed as they are sent', async () => {
  const { authorization } = await signed(identity, {
    origin: 'http://127.0.0.1:4566',
    path: '/base/model/arn%3Aaws%3Abedrock%3A%3A1%3Ax%2Fy/converse?b=2&a=1%20x',
  })
  const signature = signatureOf(
    {
      method: 'POST',
      canonicalPath: '/base/model/arn%253Aaws%253Abedrock%253A%253A1%253Ax%252Fy/converse',
      query: 'a=1%20x&b=2',
      headers: {
        'content-type': 'application/json',
        host: '127.0.0.1:4566',
        'x-amz-content-sha256': sha256(body),
        'x-amz-date': '20150830T123600Z',
      },
      body,
    },
    { date: '20150830T123600Z', region: 'us-east-1', service: 'bedrock', secret },
  )
  assert.match(String(authorization), new RegExp(`Signature=${signature}$`))
})

test('temporary credentials send and sign their session token', async () => {
  const headers = await signed({ ...identity, sessionToken: 'session-token' })
  assert.equal(headers['x-amz-security-token'], 'session-token')
  assert.match(String(headers['authorization']), /SignedHeaders=[^,]*;x-amz-security-token,/)
})

test('another body has another signature', async () => {
  const [one, other] = await Promise.all([signed(), signed(identity, { body: Buffer.from('{}') })])
  assert.notEqual(one['authorization'], other['authorization'])
})

test('what nobody may see is known', () => {
  const who = { ...identity, sessionToken: 'session-token' }
  const credential = signAwsRequests({ region: 'us-east-1', identity: who, clock })
  assert.deepEqual(credential.secrets(), ['AKIDEXAMPLE', secret, 'session-token'])
  assert.equal(credential.refused(), false, 'fixed keys cannot be renewed')
})
