import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { postBytes, type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { startUpstream } from '../../support/upstream.ts'
import {
  adminBasic,
  assertRefused,
  callerKey,
  chatBytes,
  chatPath,
  hello,
  startRig,
} from './client-rig.ts'

const otherKey = 'sk-bf-00000000-0000-4000-8000-0000000000b2'
const forwardingKey = 'sk-bf-00000000-0000-4000-8000-0000000000c3'
const elsewhere = await startUpstream()
const rig = await startRig({
  virtualKeys: [
    { name: 'other', value: otherKey },
    {
      name: 'forwarding',
      value: forwardingKey,
      forward_headers: ['x-trace'],
    },
  ],
})
after(async () => {
  await rig.end()
  await elsewhere.stop()
})

let asked = 0

/** Sends a call with the given header lines only, and tells who it was taken for: a name, or the refusal's code. */
async function identity(lines: readonly (readonly [string, string])[]): Promise<string> {
  const id = `identity-${++asked}`
  const body = JSON.stringify({ model: 'openai/who', messages: hello })
  const head = [
    `POST ${chatPath} HTTP/1.1`,
    'host: a',
    `x-request-id: ${id}`,
    `content-length: ${body.length}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ]
  const answer = await rig.send(Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1'))
  if (answer.status === 200) return String((await rig.record(id))['principal'])
  const { error } = answer.json() as { error: { code: string } }
  assertRefused(answer, answer.status, error.code)
  return error.code
}

type Carrier = readonly [name: string, wrap: (key: string) => string]
const carriers: readonly Carrier[] = [
  ['x-bf-vk', (key) => key],
  ['authorization', (key) => `Bearer ${key}`],
  ['x-api-key', (key) => key],
  ['api-key', (key) => key],
  ['x-goog-api-key', (key) => key],
]

type Lines = readonly (readonly [string, string])[]

/** Every case at once, for each waits for the log. */
async function assertIdentities(cases: readonly (readonly [Lines, string])[]): Promise<void> {
  const found = await Promise.all(cases.map(([lines]) => identity(lines)))
  for (const [index, [lines, expected]] of cases.entries())
    assert.equal(found[index], expected, JSON.stringify(lines).slice(0, 300))
}

test('C31 each way to carry a key works, and of two the fixed order decides, whichever stands first', async () => {
  const cases = carriers.flatMap(([name, wrap], index): [Lines, string][] => {
    const first = [name, wrap(callerKey)] as const
    return [
      [[first], 'team'],
      [[[name.toUpperCase(), wrap(callerKey.toUpperCase())]], 'team'],
      ...carriers.slice(index + 1).flatMap(([later, wrapLater]): [Lines, string][] => {
        const second = [later, wrapLater(otherKey)] as const
        return [
          [[first, second], 'team'],
          [[second, first], 'team'],
        ]
      }),
    ]
  })
  await assertIdentities(cases)
})

test('C31 what is not ours is passed over, and an unknown key of ours is not', async () => {
  const unknown = 'sk-bf-00000000-0000-4000-8000-ffffffffffff'
  const cases = carriers.flatMap(([name, wrap], index): [Lines, string][] => {
    const decidesAlone = name === 'x-bf-vk'
    const alone = decidesAlone ? 'invalid_api_key' : 'virtual_key_required'
    return [
      [[[name, wrap('dummy')]], alone],
      [[[name, wrap(unknown)]], 'invalid_api_key'],
      ...carriers.slice(index + 1).flatMap(([later, wrapLater]): [Lines, string][] =>
        ['dummy', 'sk-proj-abc', unknown].flatMap((foreign): [Lines, string][] => {
          const first = [name, wrap(foreign)] as const
          const second = [later, wrapLater(otherKey)] as const
          const expected = decidesAlone || foreign === unknown ? 'invalid_api_key' : 'other'
          return [
            [[first, second], expected],
            [[second, first], expected],
          ]
        }),
      ),
    ]
  })
  await assertIdentities(cases)
})

test('C31 the admin comes by Basic, and a Basic of somebody else does not shadow a key of ours', async () => {
  const basic = ['authorization', `Basic ${adminBasic}`] as const
  const proxys = ['authorization', `Basic ${Buffer.from('proxy:x').toString('base64')}`] as const
  await assertIdentities([
    [[basic], 'admin'],
    [[['authorization', basic[1].replace('Basic', 'bAsIc')]], 'admin'],
    [[['x-api-key', otherKey], basic], 'admin'],
    [[basic, ['x-bf-vk', otherKey]], 'other'],
    [[proxys, ['x-api-key', otherKey]], 'other'],
    [[proxys], 'invalid_api_key'],
    [
      [
        ['authorization', 'Basic'],
        ['api-key', otherKey],
      ],
      'other',
    ],
  ])
})

test('C31 a credential that is sent twice, empty, oversized or unprintable is nobody', async () => {
  const cases = carriers.flatMap(([name, wrap]): [Lines, string][] => {
    const mine = [name, wrap(callerKey)] as const
    return [
      [[mine, mine], 'invalid_request'],
      [[mine, [name.toUpperCase(), wrap('dummy')]], 'invalid_request'],
      [[[name, wrap('')]], 'virtual_key_required'],
      [[[name, wrap(`sk-bf-${'k'.repeat(8_000)}`)]], 'invalid_api_key'],
      [[[name, wrap(`sk-bf-\u00fc${callerKey}`)]], 'invalid_api_key'],
      [[[name, wrap(`${callerKey}' OR '1'='1`)]], 'invalid_api_key'],
    ]
  })
  const bearer = ['authorization', `Bearer ${callerKey}`] as const
  await assertIdentities([
    ...cases,
    [[], 'virtual_key_required'],
    [[['authorization', callerKey]], 'virtual_key_required'],
    [[['authorization', `Token ${callerKey}`]], 'virtual_key_required'],
    [[['authorization', `BEARER   ${callerKey}`]], 'team'],
    [[bearer, ['authorization', `Basic ${adminBasic}`]], 'invalid_request'],
  ])
})

test('C31 each request of a connection is taken for its own credential, whatever came before', async () => {
  const almost = callerKey.replace(/.$/, '0')
  const sent: readonly (readonly [string, string])[] = [
    [callerKey, 'team'],
    [otherKey, 'other'],
    [callerKey, 'team'],
    [almost, 'invalid_api_key'],
    [callerKey, 'team'],
    [callerKey.toUpperCase(), 'team'],
    ['dummy', 'virtual_key_required'],
    [almost, 'invalid_api_key'],
    [otherKey, 'other'],
  ]
  using client = await rawConnect(rig.port)
  for (const [index, [key, expected]] of sent.entries()) {
    const headers = { authorization: `Bearer ${key}`, 'x-request-id': `in-turn-${index}` }
    await client.write(chatBytes({ model: 'openai/turns' }, headers))
    const answer = await client.response()
    if (answer.status === 200)
      assert.equal((await rig.record(`in-turn-${index}`))['principal'], expected)
    else assertRefused(answer, 401, expected)
  }
})

test('C32 every route but the open ones asks who is there, before it reads a body', async () => {
  const description = await rig.send('GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n')
  const { paths } = description.json() as { paths: Record<string, Record<string, unknown>> }
  const open = ['/livez', '/readyz', '/health', '/metrics', '/openapi.json', '/docs', '/']
  let asking = 0
  for (const [template, operations] of Object.entries(paths)) {
    // Who logs in has nothing but a body to show.
    if (template === '/api/session/login') continue
    const path = template.replace(/\{[^}]*\}/g, 'some')
    for (const method of Object.keys(operations).filter((key) => key === 'get' || key === 'post')) {
      const answer = await knock(method.toUpperCase(), path)
      if (open.includes(template)) assert.equal(answer.status, 200, template)
      else {
        assertRefused(answer, 401, 'virtual_key_required')
        asking++
      }
    }
  }
  assert.ok(asking >= 10, `${asking} routes ask`)
  for (const path of ['/api', '/api/', '/api/virtual-keys', '/api/nothing/here'])
    assert.equal((await knock('GET', path)).status, 401, path)
})

/** Without credentials, and with a body that is announced and never sent. */
const knock = (method: string, path: string): Promise<RawResponse> =>
  rig.send(
    method === 'POST'
      ? postBytes(path, { 'content-length': '100' })
      : `${method} ${path} HTTP/1.1\r\nhost: a\r\n\r\n`,
  )

test('C33 fields that other gateways act on are data here: they change neither target nor credential', async () => {
  const fields = {
    api_base: elsewhere.url,
    base_url: `${elsewhere.url}/v1`,
    api_key: 'sk-callers-own',
    user_config: { base_url: elsewhere.url },
    extra_headers: { authorization: 'Bearer sk-callers-own', host: 'elsewhere' },
    custom_llm_provider: 'elsewhere',
    provider: 'elsewhere',
    targets: [{ custom_host: elsewhere.url }],
  }
  const body = { model: 'openai/steered', messages: hello, ...fields }
  assert.equal((await rig.ask(body)).status, 200)
  const arrived = rig.seen('steered').at(-1)
  assert.deepEqual(arrived?.json, { ...body, model: 'steered' })
  assert.match(arrived?.credential ?? '', /^sk-upstream-/)
  assert.equal(elsewhere.connections.total, 0)
})

test('C33 headers that steer are ignored without the right to them, and never passed on', async () => {
  const steering = {
    'x-bf-provider': 'elsewhere',
    'x-bf-base-url': elsewhere.url,
    'x-bf-passthrough': 'true',
    'x-portkey-config': `{"custom_host":"${elsewhere.url}"}`,
    'x-litellm-api-base': elsewhere.url,
    'x-forwarded-host': 'elsewhere',
    'proxy-authorization': 'Basic eDp5',
    cookie: 'session=1',
    'x-bf-eh-x-trace': 'not allowed',
    'x-bf-dim-team': 'blue',
    'openai-organization': 'org-callers',
    'openai-beta': 'assistants=v2',
    'accept-encoding': 'gzip',
    te: 'trailers',
  }
  assert.equal((await rig.ask({ model: 'openai/ignored' }, steering)).status, 200)
  const { headers } = rig.seen('ignored').at(-1) ?? { headers: {} as Record<string, string> }
  assert.deepEqual(Object.keys(headers).sort(), [
    'accept',
    'accept-encoding',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'openai-beta',
    'user-agent',
  ])
  assert.equal(headers['accept-encoding'], 'identity')
  assert.equal(headers['host'], `127.0.0.1:${rig.upstream.port}`)
  assert.equal(elsewhere.connections.total, 0)
  assertRefused(await rig.ask({ model: 'openai/x' }, { 'x-bf-api-key': 'main' }), 403, 'forbidden')
})

test('C33 a key that may forward headers forwards those alone, and never a credential', async () => {
  const headers = {
    authorization: `Bearer ${forwardingKey}`,
    'x-bf-eh-x-trace': 'yes',
    'x-bf-eh-x-other': 'no',
    'x-bf-eh-cookie': 'no',
    'x-bf-eh-authorization': 'Bearer sk-callers-own',
    'x-bf-eh-host': 'elsewhere',
    'x-bf-eh-transfer-encoding': 'chunked',
    'x-bf-eh-': 'nameless',
  }
  assert.equal((await rig.ask({ model: 'openai/forwarded' }, headers)).status, 200)
  const arrived = rig.seen('forwarded').at(-1)
  assert.equal(arrived?.headers['x-trace'], 'yes')
  assert.equal(arrived?.headers['x-other'], undefined)
  assert.equal(arrived?.headers['cookie'], undefined)
  assert.match(arrived?.credential ?? '', /^sk-upstream-/)
  const admins = {
    authorization: `Basic ${adminBasic}`,
    'x-bf-eh-x-any': 'yes',
    'x-bf-eh-cookie': 'no',
  }
  assert.equal((await rig.send(chatBytes({ model: 'openai/admins' }, admins))).status, 200)
  assert.equal(rig.seen('admins').at(-1)?.headers['x-any'], 'yes')
  assert.equal(rig.seen('admins').at(-1)?.headers['cookie'], undefined)
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
