import assert from 'node:assert/strict'
import test from 'node:test'
import type { GatewayError } from '../core/errors.ts'
import type { Route } from '../core/route.ts'
import { isAllowed, type Names, resolveDeployment, resolveModel } from './resolve.ts'

const providers = (
  ...list: readonly (readonly [name: string, type: string, ...listed: string[]])[]
): Names['providers'] =>
  new Map(list.map(([name, type, ...listed]) => [name, { name, type, listed }]))
const smart: Route = {
  name: 'smart',
  strategy: 'weighted',
  targets: [{ provider: 'openai', model: 'gpt-4o', weight: 3 }],
  fallbacks: [],
  hedge: null,
}
const named: Route = { ...smart, name: 'openai/gpt-4o' }
const all: Names = {
  publicNames: new Map([
    ['smart', smart],
    ['openai/gpt-4o', named],
  ]),
  providers: providers(
    ['mistral', 'mistral', 'mistral-*', 'shared'],
    ['openai', 'openai', 'gpt-*', 'shared'],
    ['azure', 'azure', 'gpt-4o', 'my-gpt4o'],
    ['hf', 'openai-compatible', 'meta-llama/llama-3', 'qwen/*'],
  ),
}
const withoutOpenai: Names = {
  publicNames: new Map(),
  providers: providers(['mistral', 'mistral', 'mistral-*'], ['eu', 'azure', 'gpt-4o']),
}
const lonely: Names = { publicNames: new Map(), providers: providers(['local', 'vllm']) }
const twoAzures: Names = {
  publicNames: new Map(),
  providers: providers(['eu', 'azure', 'a'], ['us', 'azure', 'b'], ['openai', 'openai']),
}

const first = ({ targets }: Route): string => `${targets[0]?.provider} ${targets[0]?.model}`

const fromBody: readonly (readonly [rule: string, Names, asked: string, goesTo: string])[] = [
  ['an exact public name', all, 'smart', 'openai gpt-4o'],
  ['a provider and the rest', all, 'mistral/large', 'mistral large'],
  ['a split at the first slash only', all, 'hf/meta-llama/llama-3', 'hf meta-llama/llama-3'],
  ['a rest that nobody lists', all, 'openai/brand-new', 'openai brand-new'],
  ['a rest that looks like a provider', all, 'openai/mistral/x', 'openai mistral/x'],
  ['a bare name one provider lists', all, 'my-gpt4o', 'azure my-gpt4o'],
  ['a bare name a pattern lists', all, 'mistral-small', 'mistral mistral-small'],
  ['a bare name two list: openai first', all, 'shared', 'openai shared'],
  ['a bare name nobody lists: openai', all, 'unheard', 'openai unheard'],
  ['a bare name, no openai, one lists it', withoutOpenai, 'gpt-4o', 'eu gpt-4o'],
  ['a bare name and the only provider', lonely, 'anything', 'local anything'],
  ['a listed name with a slash', all, 'meta-llama/llama-3', 'hf meta-llama/llama-3'],
  ['a name that begins with a slash nowhere', lonely, 'local//x', 'local /x'],
]
for (const [rule, names, asked, goesTo] of fromBody)
  test(`a model name from a body: ${rule}`, () => {
    assert.equal(first(resolveModel(asked, names)), goesTo)
  })

test('an exact public name wins over a provider of the same spelling', () => {
  assert.equal(resolveModel('openai/gpt-4o', all), named)
  assert.equal(resolveModel('smart', all), smart)
})

test('a route that was not configured is named provider/model', () => {
  assert.deepEqual(resolveModel('shared', all), {
    name: 'openai/shared',
    strategy: 'priority',
    targets: [{ provider: 'openai', model: 'shared', weight: 1 }],
    fallbacks: [],
    hedge: null,
  })
})

const unknown: readonly (readonly [rule: string, Names, asked: string, says: RegExp])[] = [
  [
    'a first part that is no provider',
    all,
    'anthropic/claude',
    /No provider "anthropic".*mistral, openai, azure, hf/,
  ],
  ['a misspelt provider', all, 'opnai/gpt-4o', /Did you mean "openai\/gpt-4o"/],
  ['a pattern does not list a name with a slash', all, 'qwen/qwen3', /not known/],
  [
    'a first part that is no provider never falls to a lone one',
    lonely,
    'openai/x',
    /No provider "openai"/,
  ],
  [
    'a bare name with several providers, none openai',
    withoutOpenai,
    'o3',
    /provider\/model; the providers are: mistral, eu/,
  ],
  [
    'a misspelt public name',
    { ...all, providers: withoutOpenai.providers },
    'smrat',
    /Did you mean "smart"/,
  ],
  ['a provider and nothing behind it', all, 'openai/', /not known/],
  ['nothing before the slash', all, '/gpt-4o', /not known/],
  ['no provider at all', { publicNames: new Map(), providers: new Map() }, 'x', /not known/],
]
for (const [rule, names, asked, says] of unknown)
  test(`a model name that is refused: ${rule}`, () => {
    assert.throws(
      () => resolveModel(asked, names),
      (error: GatewayError) => {
        assert.equal(error.code, 'model_not_found')
        assert.equal(error.status, 404)
        assert.equal(error.facts.param, 'model')
        assert.match(error.message, says)
        return true
      },
    )
  })

test('a long or unprintable name is shown short and printable', () => {
  assert.throws(
    () => resolveModel(`nobody/${'\u001b[2J\r\n'.repeat(20_000)}`, all),
    ({ message }: GatewayError) => message.length < 400 && /^[\x20-\x7e]+$/.test(message),
  )
})

const fromPath: readonly (readonly [rule: string, Names, deployment: string, goesTo: string])[] = [
  ['the provider called azure', all, 'gpt-4o', 'azure gpt-4o'],
  ['a deployment with the name of a model of another', all, 'mistral-small', 'azure mistral-small'],
  ['the only provider of type azure', withoutOpenai, 'anything', 'eu anything'],
  ['two of type azure, none called so: as a bare name', twoAzures, 'b', 'us b'],
  ['no azure: as a bare name', lonely, 'gpt-4o', 'local gpt-4o'],
  ['with a slash: the provider it names', all, 'mistral/large', 'mistral large'],
  ['with slashes: split at the first', all, 'hf/meta-llama/llama-3', 'hf meta-llama/llama-3'],
  [
    'no azure: a public name',
    { ...lonely, publicNames: all.publicNames },
    'smart',
    'openai gpt-4o',
  ],
]
for (const [rule, names, deployment, goesTo] of fromPath)
  test(`a deployment from a path: ${rule}`, () => {
    assert.equal(first(resolveDeployment(deployment, names)), goesTo)
  })

test('a deployment whose first part is no provider is refused', () => {
  assert.throws(() => resolveDeployment('nobody/x', all), { code: 'model_not_found' })
})

test('an allow-list is matched against the name as asked and the name it resolves to', () => {
  const bare = resolveModel('shared', all)
  for (const [models, asked, route, allowed] of [
    [null, 'shared', bare, true],
    [['shared'], 'shared', bare, true],
    [['openai/*'], 'shared', bare, true],
    [['openai/shared'], 'shared', bare, true],
    [['mistral/*'], 'shared', bare, false],
    [[], 'shared', bare, false],
    [['smart'], 'smart', smart, true],
    // The targets behind a public name are the configuration's choice, not the caller's.
    [['openai/*'], 'smart', smart, false],
    [['smart'], 'openai/gpt-4o-mini', resolveModel('openai/gpt-4o-mini', all), false],
    [['azure/my-gpt4o'], 'my-gpt4o', resolveDeployment('my-gpt4o', all), true],
    [['*'], 'anything', bare, true],
  ] as const)
    assert.equal(isAllowed(models, asked, route), allowed, JSON.stringify([models, asked]))
})
