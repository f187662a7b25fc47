import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, providerOf, snapshotOf } from '../../tests/faults/upstream/provider-fixture.ts'
import type { GatewayError } from '../core/errors.ts'
import { keysFor, upstreamName } from './snapshot.ts'

const model = (
  name: string,
  targets: readonly (readonly [string, number])[],
  strategy: 'priority' | 'weighted' = 'weighted',
): [
  string,
  {
    name: string
    strategy: typeof strategy
    targets: { model: string; weight: number }[]
    fallbacks: string[]
    declared: { targets: []; fallbacks: [] }
    hedge: null
    limits: null
    budget: null
  },
] => [
  name,
  {
    name,
    strategy,
    targets: targets.map(([target, weight]) => ({ model: target, weight })),
    fallbacks: [],
    declared: { targets: [], fallbacks: [] },
    hedge: null,
    limits: null,
    budget: null,
  },
]

test('the path of a base URL stands before every request, without a slash at its end', () => {
  assert.equal(providerOf({ baseUrl: 'https://a.example/v1/' }).basePath, '/v1')
  assert.equal(providerOf({ baseUrl: 'https://a.example' }).basePath, '')
  assert.equal(providerOf({ baseUrl: '' }).basePath, '')
})

test('public names compile to targets, those within others with their share of the weight', () => {
  const { names } = snapshotOf({
    providers: [{ name: 'a' }, { name: 'b' }],
    models: new Map([
      model('outer', [
        ['inner', 6],
        ['b/z', 2],
      ]),
      model('inner', [
        ['a/x', 1],
        ['b/y', 2],
      ]),
      model('zero', [
        ['a/x', 0],
        ['b/y', 0],
      ]),
    ]),
  })
  const targets = (name: string): unknown =>
    names.publicNames
      .get(name)
      ?.targets.map(({ provider, model, weight }) => [provider, model, weight])
  assert.deepEqual(targets('outer'), [
    ['a', 'x', 2],
    ['b', 'y', 4],
    ['b', 'z', 2],
  ])
  assert.deepEqual(targets('inner'), [
    ['a', 'x', 1],
    ['b', 'y', 2],
  ])
  assert.deepEqual(targets('zero'), [
    ['a', 'x', 0],
    ['b', 'y', 0],
  ])
  assert.equal(names.publicNames.get('outer')?.strategy, 'weighted')
})

test('a target names a provider even where a public name is spelt like it', () => {
  const { names } = snapshotOf({
    providers: [{ name: 'a' }],
    models: new Map([model('smart', [['a/smart', 1]])]),
  })
  assert.deepEqual(names.publicNames.get('smart')?.targets, [
    { provider: 'a', model: 'smart', weight: 1 },
  ])
})

test('what is known of a provider is listed once: from keys, deployments and the adapter', () => {
  const { names } = snapshotOf({
    providers: [
      {
        type: 'azure',
        keys: [
          { ...keyOf(), models: ['m', 'n*'] },
          { ...keyOf('b'), models: ['m'] },
        ],
        deployments: new Map([['d', 'my-d']]),
      },
      { name: 'demo', type: 'demo', baseUrl: '', keys: null },
    ],
  })
  assert.deepEqual([...(names.providers.get('up')?.listed ?? [])].sort(), ['d', 'm', 'n*'])
  assert.ok((names.providers.get('demo')?.listed.length ?? 0) > 0)
})

test('a key serves the models it lists, and a provider without keys takes calls without one', () => {
  const some = providerOf({ keys: [{ ...keyOf('a'), models: ['gpt-*'] }, keyOf('b')] })
  assert.deepEqual(
    keysFor(some, 'gpt-4o')?.map(({ name }) => name),
    ['a', 'b'],
  )
  assert.deepEqual(
    keysFor(some, 'other')?.map(({ name }) => name),
    ['b'],
  )
  assert.deepEqual(keysFor(providerOf({ keys: [{ ...keyOf(), models: ['x'] }] }), 'y'), [])
  assert.equal(keysFor(providerOf({ keys: null }), 'x'), null)
})

test('a deployment is the upstream name of its model, any other model its own', () => {
  const azure = providerOf({ type: 'azure', deployments: new Map([['gpt-4o', 'my-gpt']]) })
  assert.equal(upstreamName(azure, 'gpt-4o'), 'my-gpt')
  assert.equal(upstreamName(azure, 'my-gpt'), 'my-gpt')
})

test('a name that an address or a header could not carry as a name is refused', () => {
  const azure = providerOf({ type: 'azure', deployments: new Map([['..', 'never']]) })
  for (const name of [
    '.',
    '..',
    'a/..',
    '../a',
    'a/./b',
    'a\nb',
    'a\0',
    '\x7f',
    'a\ud800',
    '\udc00a',
  ])
    for (const provider of [azure, providerOf()])
      assert.throws(
        () => upstreamName(provider, name),
        (error: GatewayError) => error.code === 'invalid_request' && error.facts.param === 'model',
        JSON.stringify(name),
      )
  for (const name of ['...', 'a..b', 'a.', '.a', 'a/.b', 'm\u00fc', '\ud83d\ude00', 'a b'])
    assert.equal(upstreamName(azure, name), name)
})

test('without a key nobody comes in, unless the configuration lets the anonymous in', () => {
  assert.equal(snapshotOf().door.anonymous, null)
  const open = snapshotOf({ auth: { inference: 'optional' } }).door.anonymous
  assert.equal(open?.models, null)
  assert.equal(open?.mayPin, false)
  assert.deepEqual(open?.forwardHeaders, [])
  const anonymous = { models: ['up/*'], limits: null, budget: null }
  const some = snapshotOf({ auth: { inference: 'optional', anonymous } }).door.anonymous
  assert.deepEqual(some?.models, ['up/*'])
})
