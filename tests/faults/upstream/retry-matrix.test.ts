import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postBytes, type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { closedPort, startUpstream, type Upstream } from '../../support/upstream.ts'
import { contentOf } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import {
  type Cell,
  configFor,
  type Expected,
  expectedOf,
  isSpare,
  listCells,
  scriptOf,
} from './retry-cell.ts'
import { faults } from './retry-faults.ts'
import { eventually } from './rig.ts'

interface Row {
  readonly cell: Cell
  readonly calls: string
  readonly seen: string
  readonly metered: string
}

const cells = listCells(faults)
const rows: Row[] = []
let upstream: Upstream
let untrusted: Upstream
let gateway: Gateway

before(async () => {
  upstream = await startUpstream()
  untrusted = await startUpstream({ tls: 'self-signed' })
  const addresses = {
    up: upstream.url,
    'closed port': `http://127.0.0.1:${await closedPort()}`,
    'bad certificate': untrusted.url,
  }
  gateway = await startGateway({
    config: configFor(cells, addresses),
    args: ['--log-level', 'info', '--log-format', 'json'],
  })
})
after(async () => {
  await gateway.stop('SIGINT')
  await upstream.stop()
  await untrusted.stop()
})

async function call({ model, stream, name }: Cell): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  const messages = [{ role: 'user', content: 'one two three' }]
  const body = { model, messages, stream }
  await client.write(postBytes('/v1/chat/completions', { 'x-request-id': name }, body))
  return await client.response(20_000)
}

type LogRecord = Readonly<Record<string, unknown>>

async function readRecords(count: number): Promise<ReadonlyMap<string, LogRecord>> {
  const records = (): LogRecord[] =>
    gateway
      .stderr()
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.includes('"msg":"call"'))
      .map((line) => JSON.parse(line) as LogRecord)
  await eventually(() => records().length >= count, 'a record of every call')
  // A cell that was warmed up has two: the later one counts.
  return new Map(records().map((record) => [String(record['request']), record]))
}

interface Met {
  readonly response: RawResponse
  readonly perKey: readonly number[]
  readonly spare: number
}

async function meet(cell: Cell): Promise<Met> {
  const { warm, play } = scriptOf(cell)
  if (cell.fault.reused) {
    upstream.on(cell.name, warm)
    assert.equal((await call(cell)).status, 200, 'the warm-up')
  }
  upstream.on(cell.name, play)
  const [from, dropped] = [upstream.requests.length, upstream.dropped.length]
  const response = await call(cell)
  const requests = upstream.requests.slice(from).filter(({ model }) => model === cell.name)
  const counts = new Map<string | undefined, number>()
  for (const request of requests)
    if (!isSpare(request)) counts.set(request.credential, (counts.get(request.credential) ?? 0) + 1)
  const perKey = [...counts.values()]
  // What the connection swallowed was the first key's.
  if (upstream.dropped.length > dropped) perKey[0] = (perKey[0] ?? 0) + 1
  return {
    response,
    perKey: perKey.toSorted((a, b) => b - a),
    spare: requests.filter(isSpare).length,
  }
}

function checkAnswer({ stream }: Cell, { response }: Met): void {
  if (stream) assert.equal(contentOf(assertWholeStream(response)), 'good')
  else {
    assert.equal(response.status, 200, response.text)
    assert.match(response.text, /"content":"good"/)
  }
}

function checkFailure({ fault }: Cell, { response }: Met, expected: Expected): void {
  const { code } = fault
  if (fault.phase === 'P3') {
    assert.equal(contentOf(assertErrorFrame(response, { code })), 'a')
    return
  }
  const attempts = sum(expected.perKey)
  assertError(response, fault.status, {
    code,
    // What was tried again is not to be multiplied by the client.
    // Where only waiting helps, it does after our own repeats as well: nothing was billed.
    shouldRetry: attempts > 1 && fault.shouldRetry !== 'true' ? 'false' : fault.shouldRetry,
  })
}

function check(cell: Cell, met: Met): void {
  const { fault, setup } = cell
  const expected = expectedOf(cell)
  const { headers } = met.response
  // On the wire nothing is seen of what never arrived.
  if (!fault.at) assert.deepEqual([met.perKey, met.spare], [expected.perKey, expected.spare])
  assert.equal(headers['x-sluice-attempts'], String(sum(expected.perKey) + expected.spare))
  assert.equal(headers['x-sluice-provider'], expected.spare ? 'spare' : cell.name)
  const isElsewhere = setup === 'fallback' && expected.spare > 0
  assert.equal(headers['x-sluice-fallback-index'] ?? null, isElsewhere ? '1' : null)
  if (expected.isAnswered) checkAnswer(cell, met)
  else checkFailure(cell, met, expected)
}

function checkRecord(cell: Cell, record: LogRecord): void {
  const expected = expectedOf(cell)
  const count = sum(expected.perKey) + expected.spare
  const attempts = record['attempts'] as readonly AttemptLine[] | undefined
  assert.equal(attempts?.length ?? 1, count)
  attempts?.forEach((attempt, at) => {
    checkMetering(cell, attempt, at)
  })
  const tokens = [record['input_tokens'], record['output_tokens'], record['estimated']]
  if (expected.isAnswered) {
    assert.deepEqual(tokens, [3, 2, undefined])
    assert.ok(attempts?.slice(0, -1).every(({ error }) => error !== undefined))
    assert.equal(record['status'], 200)
    assert.equal(record['error'], undefined)
  } else {
    assert.equal(record['estimated'], cell.fault.mayCost ? true : undefined)
    assert.ok(attempts?.every(({ error }) => error !== undefined))
    assert.ok(record['error'])
  }
}

interface AttemptLine {
  readonly provider: string
  readonly error?: string
  readonly role?: string
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly estimated?: boolean
}

const promptTokens = Math.ceil(
  JSON.stringify([{ role: 'user', content: 'one two three' }]).length / 4,
)

/** What each attempt may have been billed for: told, guessed where it may have been, nothing where it was refused. */
function checkMetering(cell: Cell, attempt: AttemptLine, at: number): void {
  const { error, input_tokens: input, output_tokens: output, estimated, role } = attempt
  assert.equal(role, at === 0 ? undefined : 'repeat')
  if (error === undefined) assert.deepEqual([input, output, estimated], [3, 2, undefined])
  else if (!cell.fault.mayCost) assert.equal(input, undefined)
  else {
    const events = cell.fault.phase === 'P3' ? 1 : 0
    assert.equal(estimated, true)
    assert.equal(input, promptTokens)
    assert.ok((output ?? 0) >= events, `${output} tokens of output`)
  }
}

const inTotal = (record: LogRecord): string => {
  const lines = (record['attempts'] ?? [record]) as readonly AttemptLine[]
  const total = (of: 'input_tokens' | 'output_tokens'): number =>
    lines.reduce((all, line) => all + (line[of] ?? 0), 0)
  return `${total('input_tokens')}/${total('output_tokens')}`
}

/** What `/metrics` says was used, by whomever. */
async function countedTokens(type: string): Promise<number> {
  const response = await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })
  const lines = (await response.text()).split('\n')
  const tokens = lines.filter(
    (line) => line.startsWith('sluice_tokens_total{') && line.includes(`type="${type}"`),
  )
  return sum(tokens.map((line) => Number(line.slice(line.lastIndexOf(' ')))))
}

const sum = (list: readonly number[]): number => list.reduce((total, each) => total + each, 0)

function describe({ response, perKey, spare }: Met): { calls: string; seen: string } {
  const { headers, status, text } = response
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  const isFrame = status === 200 && code !== undefined
  return {
    calls: `${perKey.join('+') || '0'}${spare ? ` then ${spare}` : ''} (${headers['x-sluice-attempts']})`,
    seen: `${status}${isFrame ? ' then' : ''}${code ? ` ${code}` : ''}`,
  }
}

function render(): string {
  const lines = rows.map(({ cell: { fault, stream, setup }, calls, seen, metered }) =>
    [
      fault.phase.padEnd(3),
      fault.name.padEnd(46),
      (stream ? 'stream' : 'plain').padEnd(7),
      setup.padEnd(12),
      calls.padEnd(19),
      seen.padEnd(36),
      metered,
    ].join(' '),
  )
  return [
    'phase, fault, kind, setup, calls per key (attempts), the client saw, tokens of all that were used',
    ...lines,
  ].join('\n')
}

test('every fault in every phase is followed by what the retry table says, and by nothing else', async (t) => {
  const wrong: string[] = []
  const note = (cell: Cell, thrown: unknown): void => {
    const { fault, setup, stream } = cell
    const what = thrown instanceof Error ? thrown.message : String(thrown)
    wrong.push(`${fault.phase} ${fault.name} (${stream ? 'stream' : 'plain'}, ${setup}): ${what}`)
  }
  const met = new Map<Cell, Met>()
  for (const cell of cells)
    try {
      const found = await meet(cell)
      met.set(cell, found)
      check(cell, found)
    } catch (thrown) {
      note(cell, thrown)
    }
  const warmed = cells.filter(({ fault }) => fault.reused).length
  const records = await readRecords(cells.length + warmed)
  for (const [cell, found] of met) {
    const record = records.get(cell.name) ?? {}
    const tokens = `${record['input_tokens'] ?? '-'}/${record['output_tokens'] ?? '-'}`
    rows.push({
      cell,
      ...describe(found),
      metered: `${tokens}${record['estimated'] ? ' guessed' : ''} of ${inTotal(record)}`,
    })
    try {
      checkRecord(cell, record)
    } catch (thrown) {
      note(cell, thrown)
    }
  }
  t.diagnostic(render())
  assert.deepEqual(wrong, [])
  // A warm-up costs what a good answer does.
  const used = [...records.values()].map((record) => Number(inTotal(record).split('/')[0]))
  assert.equal(await countedTokens('input'), sum(used) + 3 * warmed)
})
