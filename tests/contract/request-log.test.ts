import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { type Gateway, startGateway } from '../support/start-gateway.ts'

const [open, closed] = [1, 2].map((n) => `sk-bf-00000000-0000-4000-8000-00000000000${n}`) as [
  string,
  string,
]
const admin = `Basic ${Buffer.from('admin:correct horse').toString('base64')}`
const providerKey = 'CANARY-provider-key-9f3a'

const configWith = (requestLog: object) => ({
  version: 1,
  auth: { admin: { password: 'correct horse' } },
  providers: {
    demo: { type: 'demo' },
    // Nobody listens there.
    down: {
      type: 'openai-compatible',
      base_url: 'http://127.0.0.1:9/v1',
      keys: [{ name: 'main', value: providerKey }],
      retries: { max: 0 },
    },
  },
  models: { smart: { targets: [{ model: 'down/x' }], fallbacks: ['demo/hello'] } },
  virtual_keys: [
    { name: 'open', value: open },
    { name: 'closed', value: closed, log_content: false },
  ],
  request_log: requestLog,
})

const gateway = await startGateway({ config: configWith({ content: 'all', max_body: '2KiB' }) })
after(() => gateway.stop('SIGINT'))

interface Answer {
  readonly status: number
  readonly text: string
  readonly id: string
}

async function chat(
  at: Gateway,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await fetch(`${at.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${open}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })
  const id = answer.headers.get('x-sluice-call-id') ?? ''
  return { status: answer.status, text: await answer.text(), id }
}

type Fields = Readonly<Record<string, unknown>>
interface Detail extends Fields {
  readonly record: Fields & { readonly attempts: readonly Fields[] }
  readonly request: { readonly text: string; readonly truncated: boolean } | null
  readonly reply: { readonly text: string } | null
}

async function ask(at: Gateway, address: string): Promise<Response> {
  return await fetch(`${at.url}${address}`, { headers: { authorization: admin } })
}

async function list(at: Gateway, query: string): Promise<readonly Fields[]> {
  const answer = await ask(at, `/api/logs?${query}`)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { data: Fields[] }).data
}

/** Once it has been written. */
async function logged(at: Gateway, { id }: Answer): Promise<Detail> {
  for (;;) {
    const answer = await ask(at, `/api/logs/${id}`)
    if (answer.status === 200) return (await answer.json()) as Detail
    await answer.body?.cancel()
  }
}

test('a call is found by the id it was answered with, and by the caller’s own', async () => {
  const call = await chat(
    gateway,
    { model: 'demo/hello' },
    {
      'x-request-id': 'order-4711',
      'x-bf-dim-app': 'shop',
      'x-stainless-retry-count': '2',
      'user-agent': 'OpenAI/Python 1.99',
    },
  )
  const { record } = await logged(gateway, call)
  assert.equal(record['request'], 'order-4711')
  assert.equal(record['client_retry'], 2)
  assert.equal(record['client_address'], '127.0.0.0')
  for (const query of [`search=${call.id}`, 'search=ORDER-47', 'dimension=app%3Dshop']) {
    const [found] = await list(gateway, query)
    assert.equal(found?.['id'], call.id, query)
    assert.equal(found?.['request_id'], 'order-4711')
    assert.equal(found?.['user_agent'], 'OpenAI/Python 1.99')
    assert.deepEqual(found?.['dimensions'], { app: 'shop' })
  }
  assert.deepEqual(await list(gateway, 'dimension=app%3Dother'), [])
})

test('a fallback shows every attempt with its own times and why it failed', async () => {
  const call = await chat(gateway, { model: 'smart' })
  assert.equal(call.status, 200)
  const { record } = await logged(gateway, call)
  assert.deepEqual(
    record.attempts.map(({ provider, error, status }) => [provider, error, status]),
    [
      ['down', 'upstream_unreachable', null],
      ['demo', undefined, 200],
    ],
  )
  for (const attempt of record.attempts) assert.equal(typeof attempt['start_ms'], 'number')
  const [row] = await list(gateway, 'route=smart')
  assert.deepEqual(
    [row?.['attempts'], row?.['fallback'], row?.['provider'], row?.['status']],
    [2, 1, 'demo', 200],
  )
})

test('what was said is kept where it is asked for, of a stream as the reply it amounts to', async () => {
  const text = 'say it once'
  const [plain, stream] = await Promise.all([
    chat(gateway, { model: 'demo/hello', messages: [{ role: 'user', content: text }] }),
    chat(gateway, {
      model: 'demo/hello',
      stream: true,
      messages: [{ role: 'user', content: text }],
    }),
  ])
  const [whole, streamed] = [await logged(gateway, plain), await logged(gateway, stream)]
  assert.match(whole.request?.text ?? '', /say it once/)
  assert.equal(whole.reply?.text, plain.text)
  const said = (detail: Detail) => JSON.parse(detail.reply?.text ?? '').choices[0].message.content
  assert.equal(said(streamed), said(whole))
  assert.equal(streamed['content'], 'kept')
})

test('a long request is cut, its pictures are notes, and the rest of the call is untouched', async () => {
  const url = `data:image/png;base64,${Buffer.alloc(200_000, 3).toString('base64')}`
  const content = [
    { type: 'image_url', image_url: { url } },
    { type: 'text', text: 'long '.repeat(2000) },
  ]
  const call = await chat(gateway, { model: 'demo/hello', messages: [{ role: 'user', content }] })
  const { request } = await logged(gateway, call)
  assert.match(request?.text ?? '', /\[image\/png, 200000 bytes\]/)
  assert.equal(request?.truncated, true)
  assert.equal(request?.text.length, 2048)
})

test('of a key that says so nothing of what was said is kept', async () => {
  const call = await chat(gateway, { model: 'demo/hello' }, { authorization: `Bearer ${closed}` })
  const { content, request, reply } = await logged(gateway, call)
  assert.deepEqual([content, request, reply], ['private', null, null])
})

test('so it is of a key that was made over HTTP, until it is changed', async () => {
  const manage = async (method: string, path: string, body: object): Promise<Fields> => {
    const answer = await fetch(`${gateway.url}/api/virtual-keys${path}`, {
      method,
      headers: { authorization: admin, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Fields
  }
  const made = await manage('POST', '', { name: 'discreet', log_content: false })
  assert.equal(made['log_content'], false)
  const said = async () => {
    const headers = { authorization: `Bearer ${made['value']}` }
    return (await logged(gateway, await chat(gateway, { model: 'demo/hello' }, headers)))['content']
  }
  assert.equal(await said(), 'private')
  const changed = await manage('PATCH', `/${made['id']}`, { log_content: true })
  assert.equal(changed['log_content'], true)
  assert.equal(await said(), 'kept')
})

test('no secret is in what is kept, whoever said it and wherever', async () => {
  const canaries = [
    providerKey,
    open,
    'correct horse',
    'AKIACANARYCANARYCANA',
    'sk-canary-abcdefghijklmnop',
    'ghp_canarycanarycanarycanary0123',
  ]
  const content = `keep out: ${canaries.join(' and ')}`
  const headers = {
    'x-bf-dim-note': canaries[3] ?? '',
    'user-agent': `tool ${canaries[4]}`,
    'x-request-id': `label ${canaries[5]}`,
  }
  const calls = [
    await chat(gateway, { model: 'demo/hello', messages: [{ role: 'user', content }] }, headers),
    await chat(gateway, { model: `none/${canaries[4]}`, stream: true }, headers),
  ]
  for (const call of calls) {
    const kept = JSON.stringify(await logged(gateway, call))
    // What a model is called is what the caller asked for, and is told back to it.
    for (const canary of canaries.filter((each) => !kept.includes(`none/${each}`)))
      assert.ok(!kept.includes(canary), canary)
  }
  const shown = `${JSON.stringify(await list(gateway, 'limit=50'))}${gateway.stderr()}`
  for (const canary of canaries.filter((_, i) => i !== 4))
    assert.ok(!shown.includes(canary), canary)
})

test('facets and the overview count what the list shows', async () => {
  await logged(gateway, await chat(gateway, { model: 'demo/hello', n: 'two' }))
  const facets = (await (await ask(gateway, '/api/logs/facets?key=open')).json()) as {
    calls: number
    status: { value: string; calls: number }[]
  }
  const all = await list(gateway, 'key=open&limit=500')
  assert.equal(facets.calls, all.length)
  const refused = all.filter(({ status }) => status === 400).length
  assert.deepEqual(
    facets.status.find(({ value }) => value === '400'),
    { value: '400', calls: refused },
  )
  const overview = (await (await ask(gateway, '/api/overview?key=open')).json()) as {
    all: { calls: number; rescued: number; errors: number }
    series: { calls: number }[]
    by_key: { name: string }[]
    losses: unknown[]
  }
  assert.equal(overview.all.calls, all.length)
  assert.equal(overview.all.rescued, 1)
  assert.equal(
    overview.series.reduce((sum, { calls }) => sum + calls, 0),
    all.length,
  )
  assert.deepEqual(
    overview.by_key.map(({ name }) => name),
    ['open'],
  )
  assert.deepEqual(overview.losses, [])
})

test('pages follow each other without a gap, and refuse what is no question', async () => {
  const all = (await list(gateway, 'limit=500')).map(({ id }) => id)
  const seen: unknown[] = []
  let after = ''
  do {
    const answer = await ask(gateway, `/api/logs?limit=2${after}`)
    const page = (await answer.json()) as { data: Fields[]; next: string | null; has_more: boolean }
    seen.push(...page.data.map(({ id }) => id))
    assert.equal(page.has_more, page.next !== null)
    after = page.next === null ? '' : `&after=${page.next}`
  } while (after !== '')
  assert.deepEqual(seen, all)
  for (const query of [
    'limit=0',
    'after=1',
    'status=99',
    'kind=odd',
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'min_cost_usd=-1',
    'sort=id',
  ])
    assert.equal((await ask(gateway, `/api/logs?${query}`)).status, 400, query)
  assert.equal((await ask(gateway, '/api/logs/00000000-0000-7000-8000-000000000000')).status, 404)
  assert.equal((await ask(gateway, '/api/logs/..%2f..%2fetc')).status, 404)
})

test('the export is a file: every call on a line, and a table that no spreadsheet obeys', async () => {
  await logged(
    gateway,
    await chat(gateway, { model: 'demo/hello' }, { 'user-agent': '=HYPERLINK("x")' }),
  )
  const lines = await ask(gateway, '/api/logs/export?key=open')
  assert.match(
    lines.headers.get('content-disposition') ?? '',
    /^attachment; filename="calls-.*\.ndjson"$/,
  )
  assert.equal(lines.headers.get('x-content-type-options'), 'nosniff')
  const records = (await lines.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Fields)
  assert.equal(records.length, (await list(gateway, 'key=open&limit=500')).length)
  assert.ok(records.every(({ call }) => typeof call === 'string'))
  const table = await ask(gateway, '/api/logs/export?format=csv&limit=3')
  assert.match(table.headers.get('content-type') ?? '', /^text\/csv/)
  const rows = (await table.text()).trimEnd().split('\r\n')
  assert.equal(rows.length, 4)
  assert.match(rows[1] ?? '', /"'=HYPERLINK\(""x""\)"/)
})

test('whoever watches is told of calls as they end', async () => {
  const watching = await ask(gateway, '/api/logs/tail')
  assert.match(watching.headers.get('content-type') ?? '', /^text\/event-stream/)
  const reader = (watching.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = decoder.decode((await reader.read()).value)
  const call = await chat(gateway, { model: 'demo/hello' })
  while (!text.includes(call.id)) text += decoder.decode((await reader.read()).value)
  await reader.cancel()
  assert.match(text, /^: watching\n\n/)
  assert.match(text, /id: \d+\nevent: calls\ndata: \[\{"object":"logged_call"/)
})

test('of calls that went well nothing is kept where only failures are, and nothing by default', async () => {
  await using failures = await startGateway({ config: configWith({ content: 'errors' }) })
  const [good, bad] = [
    await chat(failures, { model: 'demo/hello' }),
    await chat(failures, { model: 'down/x' }),
  ]
  assert.deepEqual(
    await Promise.all([good, bad].map(async (call) => (await logged(failures, call))['content'])),
    ['only_errors', 'kept'],
  )
  const { request, reply } = await logged(failures, bad)
  assert.match(request?.text ?? '', /"model":"down\/x"/)
  assert.equal(reply?.text, bad.text)
  await using usual = await startGateway({ config: configWith({}) })
  const call = await chat(usual, { model: 'demo/hello' })
  assert.equal((await logged(usual, call))['content'], 'off')
  assert.ok(
    !readdirSync(path.join(usual.dataDir, 'request-log')).some((name) => /^content/.test(name)),
  )
})

test('switched off it leaves nothing, and says so', async () => {
  await using off = await startGateway({ config: configWith({ enabled: false }) })
  await chat(off, { model: 'demo/hello' })
  const answer = await ask(off, '/api/logs')
  assert.equal(answer.status, 404)
  assert.match(await answer.text(), /request_log\.enabled is false/)
  assert.ok(!readdirSync(off.dataDir).includes('request-log'))
})

test('while the log cannot be written calls go on, what waits is told, and all of it is written later', async () => {
  await using held = await startGateway({ config: configWith({}) })
  const first = await chat(held, { model: 'demo/hello' })
  await logged(held, first)
  const folder = path.join(held.dataDir, 'request-log')
  const name = readdirSync(folder).find((each) => /^calls-.*\.db$/.test(each)) ?? ''
  const other = new DatabaseSync(path.join(folder, name))
  other.exec('begin immediate')
  const calls = [
    await chat(held, { model: 'demo/hello' }),
    await chat(held, { model: 'demo/hello' }),
  ]
  assert.deepEqual(
    calls.map(({ status }) => status),
    [200, 200],
  )
  while (!held.stderr().includes('the request log could not be written'))
    await chat(held, { model: 'demo/hello' })
  const metrics = await (await fetch(`${held.url}/metrics`)).text()
  assert.match(metrics, /^sluice_request_log_waiting [1-9]/m)
  assert.match(metrics, /^sluice_request_log_lost 0$/m)
  other.exec('rollback')
  other.close()
  for (const call of calls) await logged(held, call)
})

test('after kill -9 everything that was written is there, and the gap is told', async () => {
  const killed = await startGateway({ config: configWith({}) })
  const call = await chat(killed, { model: 'demo/hello' })
  await logged(killed, call)
  await chat(killed, { model: 'demo/hello' })
  await killed.kill()
  await using next = await killed.restart()
  assert.equal((await logged(next, call)).record['status'], 200)
  for (;;) {
    const { losses } = (await (await ask(next, '/api/overview')).json()) as { losses: Fields[] }
    if (losses.length === 0) continue
    assert.equal(losses[0]?.['calls'], null)
    assert.match(String(losses[0]?.['reason']), /without closing/)
    break
  }
  while (!next.stderr().includes('calls of its last half second may be missing'))
    await (await ask(next, '/api/logs')).body?.cancel()
})

test('after an ordinary stop every call is there, and no gap', async () => {
  const stopped = await startGateway({ config: configWith({}) })
  const calls = await Promise.all(
    Array.from({ length: 20 }, () => chat(stopped, { model: 'demo/hello' })),
  )
  process.kill(stopped.pid, 'SIGINT')
  await stopped.exited
  await using next = await stopped.restart()
  for (const call of calls) assert.equal((await ask(next, `/api/logs/${call.id}`)).status, 200)
  const { losses } = (await (await ask(next, '/api/overview')).json()) as { losses: Fields[] }
  assert.deepEqual(losses, [])
})
