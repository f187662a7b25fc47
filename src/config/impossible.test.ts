import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from './config-error.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-impossible-'))
after(() => rmSync(cwd, { recursive: true }))

const providerTypes = ['openai', 'groq'].map((type) => ({
  type,
  defaultBaseUrl: `https://${type}.example/v1`,
  envKeys: [],
  needsKey: false,
}))

function load(lines: string): LoadedConfig {
  writeFileSync(join(cwd, 'sluice.yaml'), `version: 1\n${lines}\n`)
  return loadConfig({ flags: {}, env: {}, cwd, providerTypes })
}

/** `line:column message` of each; the given lines begin at the second of the file. */
function problemsOf(lines: string): string[] {
  try {
    load(lines)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
  return []
}

const ofTimeouts = (...settings: string[]): string =>
  `providers:\n  openai:\n    timeouts:\n${settings.map((each) => `      ${each}`).join('\n')}`

test('a limit that another always ends first is refused, with what to do about it', () => {
  const pairs = [
    ['connect', '10s', 'first_byte', '5s'],
    ['connect', '10s', 'first_token', '5s'],
    ['connect', '2m', 'total', '60s'],
    ['connect', '2m', 'stream_total', '60s'],
    ['connect', '2m', 'job', '60s'],
    ['first_byte', '2m', 'first_token', '60s'],
    ['first_byte', '2m', 'total', '60s'],
    ['first_byte', '2m', 'stream_total', '60s'],
    ['first_byte', '2m', 'job', '60s'],
    ['first_token', '2m', 'stream_total', '60s'],
    ['idle', '2m', 'stream_total', '60s'],
  ] as const
  for (const [inner, long, outer, short] of pairs) {
    const name = `providers.openai.timeouts.${inner}`
    assert.deepEqual(problemsOf(ofTimeouts(`${outer}: ${short}`, `${inner}: ${long}`)), [
      `6:${9 + inner.length} ${name} is ${long}, but ${outer} ends the call after ${short}. Lower ${inner} to ${short} or less, or raise ${outer}.`,
    ])
    assert.deepEqual(problemsOf(ofTimeouts(`${outer}: ${long}`, `${inner}: ${long}`)), [], inner)
  }
})

test('of several limits that end it first the shortest is named', () => {
  const [problem, ...more] = problemsOf(
    ofTimeouts('connect: 1m', 'total: 30s', 'first_byte: 10s', 'job: 20s'),
  )
  assert.match(problem ?? '', /^5:16 .*first_byte ends the call after 10s/)
  assert.deepEqual(more, [])
})

test('one limit alone never contradicts the defaults of the others', () => {
  for (const name of ['connect', 'first_byte', 'first_token', 'idle', 'total', 'stream_total'])
    for (const value of ['1ms', '20d'])
      assert.deepEqual(problemsOf(ofTimeouts(`${name}: ${value}`)), [], `${name}: ${value}`)
  const { timeouts } = load(ofTimeouts('total: 30s')).config.providers.get('openai') ?? {}
  assert.equal(timeouts?.totalMs, 30_000)
})

test('no limit is 0', () => {
  for (const name of ['connect', 'first_byte', 'first_token', 'idle', 'total', 'stream_total'])
    assert.deepEqual(problemsOf(ofTimeouts(`${name}: 0s`)), [
      `5:${9 + name.length} providers.openai.timeouts.${name} must be a duration longer than 0 such as 250ms, 5s, 1m, 1h or 7d, not "0s".`,
    ])
})

test('the first wait between repeats is not longer than the longest', () => {
  const of = (retries: string): string => `providers:\n  openai:\n    retries: ${retries}`
  assert.deepEqual(problemsOf(of('{ base: 10s, cap: 5s }')), [
    '4:22 providers.openai.retries.base is 10s, but no wait is longer than cap, 5s. Lower base, or raise cap.',
  ])
  const retriesOf = (given: string): unknown =>
    load(of(given)).config.providers.get('openai')?.retries
  assert.deepEqual(retriesOf('{ base: 10s }'), { max: 2, baseMs: 10_000, capMs: 10_000 })
  assert.deepEqual(retriesOf('{ cap: 100ms }'), { max: 2, baseMs: 100, capMs: 100 })
})

test('weights that leave nothing to choose are refused, whatever the strategy', () => {
  for (const strategy of ['priority', 'weighted', 'least-latency'])
    assert.deepEqual(
      problemsOf(
        `providers: { openai: {} }\nmodels:\n  a:\n    strategy: ${strategy}\n    targets: [{ model: openai/x, weight: 0 }, { model: openai/y, weight: 0 }]`,
      ),
      [
        '6:5 all weights are 0, so no target could be chosen. Give at least one target a weight above 0.',
      ],
    )
  assert.deepEqual(
    problemsOf(
      'providers:\n  openai:\n    keys: [{ name: a, value: x, weight: 0 }, { name: b, value: "" }]',
    ),
    ['4:5 all weights are 0, so no key could be chosen. Give at least one key a weight above 0.'],
  )
})

test('a weight that its strategy does not look at earns a warning', () => {
  const of = (strategy: string): readonly string[] =>
    load(
      `providers: { openai: {} }\nmodels:\n  a: { ${strategy}targets: [{ model: openai/x }, { model: openai/y, weight: 2 }] }`,
    ).warnings
  assert.deepEqual(of(''), [
    'models.a.targets[1].weight has no effect with strategy priority; write "strategy: weighted" if it should.',
  ])
  assert.deepEqual(of('strategy: weighted, '), [])
})

test('a name that stands for itself is refused where it does', () => {
  const of = (models: string): string[] =>
    problemsOf(`providers: { openai: {} }\nmodels:\n${models}`)
  assert.deepEqual(of('  a: { targets: [{ model: openai/x }], fallbacks: [openai/y, a] }'), [
    '4:62 "a" stands for itself here. Take this one out, or name another.',
  ])
  assert.deepEqual(of('  a: { targets: [{ model: a }] }'), [
    '4:27 "a" stands for itself here. Take this one out, or name another.',
  ])
  assert.deepEqual(
    of(
      '  a: { targets: [{ model: openai/x }], fallbacks: [b] }\n  b: { targets: [{ model: openai/x }], fallbacks: [a] }',
    ),
    ['5:52 these names lead back to themselves: a -> b -> a. Take this one out, or name another.'],
  )
})

test('a target that is there twice is refused', () => {
  assert.deepEqual(
    problemsOf(
      'providers: { openai: {} }\nmodels:\n  a: { targets: [{ model: openai/x }, { model: openai/x }] }',
    ),
    ['4:48 "openai/x" is among the targets already. Give it one entry, with the whole weight.'],
  )
})

test('a name without any target that is served is refused', () => {
  assert.deepEqual(
    problemsOf('providers: { openai: {} }\nmodels:\n  a: { targets: [{ model: nope/x }] }'),
    [
      '4:8 models.a has no target left that a provider serves. Name one whose provider stands under providers.',
    ],
  )
})

test('two keys of a provider do not share a name', () => {
  assert.deepEqual(
    problemsOf(
      'providers:\n  openai:\n    keys:\n      - { name: a, value: x }\n      - { name: a, value: y }',
    ),
    ['6:17 there are two keys named "a". Give each a name of its own.'],
  )
  // A name that is given may be the one another has by default.
  assert.match(
    problemsOf(
      'providers:\n  openai:\n    keys:\n      - { name: key-2, value: x }\n      - { value: y }',
    ).join(),
    /^6:9 there are two keys named "key-2"/,
  )
})

test('nothing that must be at least one is 0 or less', () => {
  for (const [lines, place, name] of [
    ['providers: { openai: { max_concurrency: 0 } }', '2:41', 'providers.openai.max_concurrency'],
    ['jobs: { concurrency: 0 }', '2:22', 'jobs.concurrency'],
    ['jobs: { per_key_concurrency: 0 }', '2:30', 'jobs.per_key_concurrency'],
    ['jobs: { max_attempts: -1 }', '2:23', 'jobs.max_attempts'],
    ['server: { max_in_flight: { plain: 0 } }', '2:35', 'server.max_in_flight.plain'],
  ] as const) {
    const [problem = '', ...more] = problemsOf(lines)
    assert.ok(
      problem.startsWith(`${place} ${name} must be a whole number from 1 to 1000000000, not `),
      problem,
    )
    assert.deepEqual(more, [])
  }
  assert.match(
    problemsOf(
      'providers: { openai: {} }\nmodels: { a: { targets: [{ model: openai/x, weight: -1 }] } }',
    ).join(),
    /^3:53 models\.a\.targets\[0\]\.weight must be a number from 0 up, not -1/,
  )
})

test('a part is not larger than the whole it is part of', () => {
  for (const [lines, place, part, whole, most] of [
    ['jobs: { result_ttl: 2h, max_result_ttl: 1h }', '2:21', 'result_ttl', 'max_result_ttl', '1h'],
    ['jobs: { max_body: 2MiB, queue_bytes: 1MiB }', '2:19', 'max_body', 'queue_bytes', '1MiB'],
    [
      'jobs: { concurrency: 2, per_key_concurrency: 3 }',
      '2:46',
      'per_key_concurrency',
      'concurrency',
      '2',
    ],
    [
      'jobs: { queue_limit: 2, per_key_queue_limit: 3 }',
      '2:46',
      'per_key_queue_limit',
      'queue_limit',
      '2',
    ],
  ] as const)
    assert.deepEqual(problemsOf(lines), [
      `${place} jobs.${part} is larger than jobs.${whole} allows. Lower it to ${most} or less, or raise jobs.${whole}.`,
    ])
  assert.deepEqual(problemsOf('server: { max_body: 1GiB }'), [
    '2:21 server.max_body is larger than server.max_buffered allows. Lower it to 512MiB or less, or raise server.max_buffered.',
  ])
})

test('a bound that was given lowers the defaults under it', () => {
  const { jobs, server } = load(
    'jobs: { max_result_ttl: 10m, queue_bytes: 1MiB, concurrency: 2, queue_limit: 5 }\nserver: { max_buffered: 5MiB }',
  ).config
  assert.equal(jobs.resultTtlMs, 600_000)
  assert.equal(jobs.maxBodyBytes, 2 ** 20)
  assert.equal(server.maxBodyBytes, 5 * 2 ** 20)
})

test('a stream is kept alive before it is over', () => {
  const of = (keepAlive: string, ...totals: string[]): string[] =>
    problemsOf(
      `server: { stream: { keep_alive: ${keepAlive} } }\nproviders: { ${totals.join(', ')} }`,
    )
  const short = 'openai: { timeouts: { stream_total: 30s } }'
  assert.deepEqual(of('30s', short), [
    '2:33 server.stream.keep_alive is as long as any stream may take (timeouts.stream_total), so nothing would be kept alive. Lower it.',
  ])
  assert.deepEqual(of('29s', short), [])
  // The other provider's streams may take an hour.
  assert.deepEqual(of('30s', short, 'groq: {}'), [])
})

test('what is too long for a timer is refused', () => {
  assert.deepEqual(problemsOf(ofTimeouts('job: 30d')), [
    '5:12 this is too long: at most 24d can be waited for. Lower it.',
  ])
})

test('the request log has room, and keeps what was said no longer than the calls', () => {
  assert.deepEqual(problemsOf('request_log: { max_size: 1MiB }'), [
    '2:26 request_log.max_size must be 64MiB or more.',
  ])
  assert.deepEqual(problemsOf('request_log: { keep: 1d, content_keep: 2d }'), [
    '2:40 request_log.content_keep is longer than the calls themselves are kept. Lower it to 1d or less, or raise request_log.keep.',
  ])
  const { requestLog } = load('request_log: { keep: 1d, content: errors }').config
  assert.equal(requestLog.contentKeepMs, 86_400_000)
  assert.deepEqual(
    [requestLog.enabled, requestLog.content, requestLog.clientAddress, requestLog.maxBodyBytes],
    [true, 'errors', 'masked', 256 * 1024],
  )
})
