import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { startGateway } from '../../tests/support/start-gateway.ts'
import type { Environment } from '../config/environment.ts'
import { runJobs } from './jobs.ts'
import { parseJobsAsk } from './jobs-ask.ts'
import { UsageError } from './usage-error.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-jobs-'))
after(() => rmSync(folder, { recursive: true }))

const id = '6f0b8a1e-3c52-4d0e-9a52-0c6f1f6f2a77'
const listed = {
  id,
  status: 'completed',
  model: 'demo/hello',
  owner: 'key:app',
  route: '/v1/chat/completions',
  attempt: 1,
  created_at: '2026-01-02T03:04:05.678Z',
  completed_at: '2026-01-02T03:04:06.000Z',
  expires_at: '2026-01-02T04:04:06.000Z',
  status_code: 200,
  error_code: null,
}

/** Answers everything with one reply and remembers what it was asked. */
async function standIn(status: number, reply: unknown) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof reply === 'string' ? reply : JSON.stringify(reply))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, url, [Symbol.dispose]: () => void server.close() }
}

const noFlags = { status: undefined, limit: undefined, after: undefined, url: undefined }

async function run(
  words: string[],
  flags: { url?: string; status?: string; after?: string },
  more: { env?: Environment; json?: boolean; config?: string } = {},
): Promise<string> {
  let printed = ''
  const configFile = path.join(folder, 'sluice.yaml')
  writeFileSync(configFile, more.config ?? 'version: 1\n')
  await runJobs({
    ask: parseJobsAsk(words, { ...noFlags, ...flags }),
    flags: { config: configFile },
    env: more.env ?? { SLUICE_ADMIN_PASSWORD: 'from-env' },
    cwd: folder,
    providerTypes: [],
    json: more.json ?? false,
    stdout: { write: (text: string) => (printed += text) },
  })
  return printed
}

const fails =
  (says: RegExp, exitCode: 1 | 2 = 1) =>
  (thrown: unknown) => {
    assert.ok(thrown instanceof UsageError, String(thrown))
    assert.match(thrown.message, says)
    assert.equal(thrown.exitCode, exitCode)
    return true
  }

test('a list is asked for with its filter and shown in columns', async () => {
  using gateway = await standIn(200, { object: 'list', data: [listed], has_more: true })
  const printed = await run(['list'], { url: `${gateway.url}/`, status: 'completed', after: id })
  assert.equal(gateway.asked[0]?.url, `/v1/async/jobs?status=completed&after=${id}`)
  const [head, row] = printed.split('\n').map((line) => line.split(/ {2,}/))
  assert.deepEqual(head, ['ID', 'STATUS', 'OWNER', 'MODEL', 'CREATED', 'AGE'])
  assert.deepEqual(row?.slice(0, -1), [
    id,
    'completed',
    'key:app',
    'demo/hello',
    '2026-01-02T03:04:05Z',
  ])
  assert.match(row?.at(-1) ?? '', /^\d+[dhms]$/)
  assert.match(printed, new RegExp(`sluice jobs list --status completed --after ${id}`))
})

test('an empty list says so, and as JSON there is a line for each job', async () => {
  using empty = await standIn(200, { object: 'list', data: [], has_more: false })
  assert.equal(await run(['list'], { url: empty.url }), 'There are no such jobs.\n')
  assert.equal(await run(['list'], { url: empty.url }, { json: true }), '')
  using full = await standIn(200, { object: 'list', data: [listed, listed], has_more: false })
  const printed = await run(['list'], { url: full.url }, { json: true })
  assert.deepEqual(
    printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [listed, listed],
  )
})

test('what a caller named a model cannot steer the terminal', async () => {
  using gateway = await standIn(200, { data: [{ ...listed, model: 'a\u001b[2J\u202eb\nc' }] })
  assert.match(await run(['list'], { url: gateway.url }), /a\?\[2J\?b\?c/)
})

test('one job is shown with everything that is known and its result', async () => {
  const result = { object: 'chat.completion', choices: [] }
  using gateway = await standIn(200, { id, status: 'completed', status_code: 200, result })
  const printed = await run(['show', id], { url: gateway.url })
  assert.equal(gateway.asked[0]?.url, `/v1/async/chat/completions/${id}`)
  assert.match(printed, new RegExp(`^id +${id}\nstatus +completed\nstatus_code +200\n\nresult\n`))
  assert.match(printed, /"object": "chat.completion"/)
  assert.equal(
    await run(['show', id], { url: gateway.url }, { json: true }),
    `${JSON.stringify({ id, status: 'completed', status_code: 200, result })}\n`,
  )
})

test('a job is cancelled, by the admin of the configuration', async () => {
  using gateway = await standIn(200, { id, status: 'failed' })
  const { hostname, port } = new URL(gateway.url)
  const config = `version: 1
server: { host: "${hostname}", port: ${port} }
auth: { admin: { username: root, password: in-the-file } }
`
  assert.match(await run(['cancel', id], {}, { config }), new RegExp(`^Job ${id} is cancelled`))
  const [asked] = gateway.asked
  assert.equal(asked?.method, 'DELETE')
  const basic = Buffer.from('root:in-the-file').toString('base64')
  assert.equal(asked?.headers.authorization, `Basic ${basic}`)
})

test('without another source the password of the first run is taken', async () => {
  using gateway = await standIn(200, { data: [] })
  const dataDir = mkdtempSync(path.join(folder, 'data-'))
  writeFileSync(path.join(dataDir, 'first-run.txt'), 'admin: admin\npassword: abcd-efgh\n')
  await run(['list'], { url: gateway.url }, { env: { SLUICE_DATA_DIR: dataDir } })
  const basic = Buffer.from('admin:abcd-efgh').toString('base64')
  assert.equal(gateway.asked[0]?.headers.authorization, `Basic ${basic}`)
  await assert.rejects(
    run(['list'], { url: gateway.url }, { env: {} }),
    fails(/not known here.*SLUICE_ADMIN_PASSWORD.*first-run\.txt/, 2),
  )
})

const refusals: readonly (readonly [what: string, status: number, reply: unknown, says: RegExp])[] =
  [
    [
      'a wrong password',
      401,
      { error: { message: 'no', code: 'invalid_api_key' } },
      /refuses the admin's password for "admin" that was found in SLUICE_ADMIN_PASSWORD/,
    ],
    [
      'no such job',
      404,
      { error: { message: 'no', code: 'job_not_found' } },
      /There is no job 6f0b/,
    ],
    ['a job that ended', 409, { error: { message: 'no', code: 'job_terminal' } }, /already ended/],
    ['another refusal', 429, { error: { message: 'Try later.' } }, /refused \(429\): Try later\./],
    ['another program', 200, '<html>', /no Sluice that knows jobs/],
  ]
for (const [what, status, reply, says] of refusals)
  test(`${what} is told in one paragraph`, async () => {
    using gateway = await standIn(status, reply)
    await assert.rejects(run(['cancel', id], { url: gateway.url }), fails(says))
  })

test('a gateway that is not there is told with its address', async () => {
  const gateway = await standIn(200, {})
  gateway[Symbol.dispose]()
  await assert.rejects(
    run(['list'], { url: gateway.url }),
    fails(new RegExp(`${gateway.url} cannot be reached \\(ECONNREFUSED\\).*sluice serve`)),
  )
})

test('an open port in the configuration asks for the address', async () => {
  await assert.rejects(
    run(['list'], {}, { config: 'version: 1\nserver: { port: 0 }\n' }),
    fails(/give it with --url/, 2),
  )
})

test('a wrong use says how it is used', () => {
  const misuse = (words: string[], flags: object, says: RegExp): void =>
    assert.throws(() => parseJobsAsk(words, { ...noFlags, ...flags }), fails(says, 2))
  misuse([], {}, /sluice jobs list, sluice jobs show ID or sluice jobs cancel ID/)
  misuse(['lst'], {}, /There is no sluice jobs lst/)
  misuse(['list', id], {}, /There is no sluice jobs list 6f0b/)
  misuse(['show'], {}, /needs one job's id/)
  misuse(['cancel', id, id], {}, /needs one job's id/)
  misuse(['show', id], { status: 'failed' }, /--status belongs to sluice jobs list alone/)
  misuse(['list'], { status: 'complete' }, /Did you mean completed\?/)
  misuse(['list'], { limit: '101' }, /from 1 to 100/)
  misuse(['list'], { url: 'localhost:8080' }, /such as http:\/\/127\.0\.0\.1:8080/)
})

test('the jobs of a running gateway are listed, shown and not cancelled once done', async () => {
  const key = 'sk-bf-00000000-0000-4000-8000-000000000001'
  const config = {
    version: 1,
    auth: { admin: { username: 'admin', password: 'from-env' } },
    providers: { demo: {} },
    virtual_keys: [{ name: 'app', value: key }],
  }
  await using gateway = await startGateway({ config })
  const answer = await fetch(`${gateway.url}/v1/async/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-bf-async-wait': '30',
    },
    body: JSON.stringify({ model: 'demo/hello', messages: [{ role: 'user', content: 'hi' }] }),
  })
  const job = (await answer.json()) as { id: string; status: string }
  assert.equal(job.status, 'completed', JSON.stringify(job))
  const { url } = gateway
  const [, row] = (await run(['list'], { url, status: 'completed' })).split('\n')
  assert.match(row ?? '', new RegExp(`^${job.id} +completed +\\S*app +demo/hello +20`))
  assert.match(await run(['show', job.id], { url }), /\nresult\n\{\n(.|\n)*"chat\.completion"/)
  await assert.rejects(run(['cancel', job.id], { url }), fails(/already ended/))
  await assert.rejects(run(['show', id], { url }), fails(/There is no job/))
  await assert.rejects(
    run(['list'], { url }, { env: { SLUICE_ADMIN_PASSWORD: 'wrong' } }),
    fails(/refuses the admin's password.*SLUICE_ADMIN_PASSWORD/),
  )
})
