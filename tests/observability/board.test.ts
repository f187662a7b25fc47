import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { errorTable, GatewayError } from '../../src/core/errors.ts'
import { Metrics } from '../../src/observability/metrics.ts'
import { ended, submitted } from '../contract/job-client.ts'
import { ask, chat, configFor, keys, withKey } from '../contract/stage.ts'
import { sampleAttempt, sampleCall } from '../support/sample-call.ts'
import { startGateway } from '../support/start-gateway.ts'
import { startUpstream } from '../support/upstream.ts'
import { json } from '../support/upstream-script.ts'
import { readPromql } from './promql.ts'

const folder = join(import.meta.dirname, '../../docs/grafana')
interface Target {
  readonly expr: string
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly Target[]
}
const board = JSON.parse(readFileSync(join(folder, 'sluice.json'), 'utf8')) as {
  readonly panels: readonly Panel[]
  readonly annotations: { readonly list: readonly Target[] }
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: unknown }[]
  }
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
const alerts = parse(readFileSync(join(folder, 'alerts.yaml'), 'utf8')) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}
const rules = alerts.groups.flatMap((group) => group.rules)
const plots = board.panels.filter(({ type }) => type !== 'row')

/** As Grafana fills in its variables. */
const filled = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replace(/\$(instance|provider)/g, '.*')

const expressions = [
  ...plots.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ place: `panel "${title}"`, expr: filled(expr) })),
  ),
  ...board.annotations.list.map(({ expr }) => ({ place: 'annotation', expr: filled(expr) })),
  ...rules.map(({ alert, expr }) => ({ place: `alert ${alert}`, expr })),
]

/** Labels by the name of a series; those of several texts together. A family without a series has none. */
function readSeries(...texts: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const series = new Map<string, Set<string>>()
  const add = (name: string, labels: readonly string[]): void => {
    const known = series.get(name) ?? new Set()
    for (const label of labels) known.add(label)
    series.set(name, known)
  }
  for (const text of texts)
    for (const line of text.split('\n')) {
      const declared = /^# TYPE (\S+) (\S+)$/.exec(line)
      if (declared?.[1] && declared[2] !== 'histogram') add(declared[1], [])
      if (line === '' || line.startsWith('#')) continue
      const name = /^[a-zA-Z0-9_:]+/.exec(line)?.[0] ?? ''
      add(
        name,
        [...line.matchAll(/[{,]([a-z_]+)="/g)].map(([, label = '']) => label),
      )
    }
  return series
}

/** What happens rarely, so that its series are there. */
async function sampleMetrics(): Promise<string> {
  const metrics = new Metrics('test')
  const attempts = [sampleAttempt({ role: 'hedge', costNanos: 5 })]
  const error = new GatewayError('budget_exceeded', 'x', { scope: 'key' })
  metrics.settled(sampleCall({ attempts }), 100)
  metrics.settled(sampleCall({ error }), 1)
  metrics.jobRan('completed', 1, 1)
  return await metrics.text()
}

describe('the board and the alerts', () => {
  let series: ReadonlyMap<string, ReadonlySet<string>>
  before(async () => {
    await using upstream = await startUpstream()
    upstream.on('fails', json(500, {}))
    await using gateway = await startGateway({ config: configFor(upstream) })
    for (const body of [
      chat('openai/good'),
      chat('openai/good', { stream: true }),
      chat('openai/fails'),
      chat('nowhere/at-all'),
    ])
      await ask(gateway, { body, headers: withKey(keys.open) })
    await ended(gateway, await submitted(gateway, chat('openai/good')))
    const { text } = await ask(gateway, { path: '/metrics', headers: [] })
    series = readSeries(text, await sampleMetrics())
  })
  test('there are expressions, and all can be read', () => {
    assert.ok(plots.length >= 20)
    assert.ok(rules.length >= 15)
    for (const { place, expr } of expressions) assert.doesNotThrow(() => readPromql(expr), place)
  })

  test('they read metrics that are exported, by labels that those have', () => {
    for (const { place, expr } of expressions) {
      const { selectors, groupedBy } = readPromql(expr)
      const known = new Set(given)
      for (const { metric, matchers } of selectors) {
        const labels = metric === 'up' ? new Set<string>() : series.get(metric)
        assert.ok(labels, `${place}: ${metric} is not exported`)
        for (const label of labels) known.add(label)
        for (const { label } of matchers)
          assert.ok(labels.has(label) || given.has(label), `${place}: ${metric} has no ${label}`)
      }
      for (const label of groupedBy) assert.ok(known.has(label), `${place}: by ${label}`)
    }
  })

  test('codes that they name are codes of the gateway', () => {
    const codes = new Set(Object.keys(errorTable))
    const named = expressions.flatMap(({ place, expr }) =>
      readPromql(expr).selectors.flatMap(({ matchers }) =>
        matchers
          .filter(({ label, value }) => /^(outcome|error)$/.test(label) && value !== '')
          .flatMap(({ value }) => value.split('|').map((code) => ({ place, code }))),
      ),
    )
    assert.ok(named.length > 5)
    for (const { place, code } of named) assert.ok(codes.has(code), `${place}: ${code}`)
  })

  test('every metric of the gateway is on the board, or has an alert', () => {
    const read = new Set(
      expressions.flatMap(({ expr }) =>
        readPromql(expr).selectors.map(({ metric }) => metric.replace(/_bucket$/, '')),
      ),
    )
    const own = new Set(
      [...series.keys()]
        .filter((name) => name.startsWith('sluice_'))
        .map((name) => name.replace(/_(bucket|sum|count)$/, '')),
    )
    const unread = [...own].filter((name) => !read.has(name)).sort()
    assert.deepEqual(unread, [
      'sluice_build_info',
      'sluice_connections_refused',
      'sluice_jobs_recovered_total',
      'sluice_trace_spans_exported_total',
    ])
  })

  test('variables ask for labels that are there', () => {
    const asked = board.templating.list.flatMap(({ query }) =>
      [...JSON.stringify(query).matchAll(/label_values\((\w+), (\w+)\)/g)].map(
        ([, metric = '', label = '']) => ({ metric, label }),
      ),
    )
    assert.equal(asked.length, 2)
    for (const { metric, label } of asked)
      assert.ok(series.get(metric)?.has(label) || given.has(label), `${metric} ${label}`)
  })

  test('panels do not overlap, and each has a number of its own', () => {
    assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length)
    const cells = new Set<string>()
    for (const { title, gridPos } of board.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!cells.has(`${x} ${y}`), title)
          cells.add(`${x} ${y}`)
        }
    }
  })

  test('an alert says how bad it is, what happened and what to do', () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const { alert, labels, annotations, ...rule } of rules) {
      assert.match(alert, /^Sluice[A-Z]\w+$/)
      assert.match(labels.severity, /^(critical|warning|info)$/, alert)
      assert.ok(annotations.summary.length > 10 && annotations.description.length > 10, alert)
      assert.match(rule.for ?? '1m', /^\d+m$/, alert)
      const { groupedBy } = readPromql(rule.expr)
      for (const [, label = ''] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
        assert.ok(groupedBy.includes(label) || !/\bby\b/.test(rule.expr), `${alert}: ${label}`)
    }
  })
})

/** By Prometheus itself. */
const given = new Set(['job', 'instance'])

test('what is no expression of ours is not read', () => {
  for (const bad of [
    'sum(rate(a[5m])',
    'rate(a[5m])) > 1',
    'sums(a)',
    'a{b=c}',
    'a{b="c"',
    'a > ',
    '> 1',
    'a > > 1',
    '"a"',
    'a[5x]',
    'sum',
    '1 > 0',
  ])
    assert.throws(() => readPromql(bad), bad)
  assert.deepEqual(readPromql('sum by (a, b) (rate(m{c="d", e=~"f|g"}[5m])) / 2 > 0.5'), {
    selectors: [
      {
        metric: 'm',
        matchers: [
          { label: 'c', value: 'd' },
          { label: 'e', value: 'f|g' },
        ],
      },
    ],
    groupedBy: ['a', 'b'],
  })
})
