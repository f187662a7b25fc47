import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeenRequest } from '../support/upstream-request.ts'
import { ask, chat, envelopeOf, keys, type Stage, withKey } from './stage.ts'

/** What a model's name means, and who may use it. */
export function modelNamesSuite({ gateway, upstream }: Stage): void {
  const arrived = (model: string): Promise<SeenRequest> =>
    upstream.next((request) => request.model === model)
  const reached = async (asked: string, model: string): Promise<SeenRequest> => {
    const answer = await ask(gateway, { body: chat(asked) })
    assert.equal(answer.status, 200, answer.text)
    return await arrived(model)
  }

  test('an exact public name wins, also over the provider its first part names', async () => {
    await reached('smart', 'behind-smart')
    await reached('local/renamed', 'behind-renamed')
  })

  test('provider/model is split at the first slash only', async () => {
    const request = await reached('openai/names/a/b', 'names/a/b')
    assert.equal(request.path, '/v1/chat/completions')
    const local = await reached('local/names-local', 'names-local')
    assert.equal(local.credential, undefined)
  })

  test('a bare name goes to the provider that lists it, else to openai', async () => {
    await reached('names-bare', 'names-bare')
    const listed = await ask(gateway, { body: chat('hello') })
    assert.equal(listed.headers['x-sluice-provider'], 'demo')
    // Azure's deployments list it, and nobody else does.
    assert.equal((await reached('gpt-4o', 'my-gpt4o')).deployment, 'my-gpt4o')
  })

  test('a first part that is no provider is never a guess', async () => {
    const near = envelopeOf(await ask(gateway, { body: chat('azur/gpt-4o') }))
    assert.equal(near.error.code, 'model_not_found')
    assert.equal(near.error.param, 'model')
    assert.match(near.error.message, /Did you mean "azure\/gpt-4o"\?/)
    const far = envelopeOf(await ask(gateway, { body: chat('nowhere/at-all-like-it') }))
    assert.equal(far.status_code, 404)
    assert.match(far.error.message, /No provider "nowhere" is configured; there are: .*openai/)
    assert.equal((await ask(gateway, { body: chat('openai/') })).status, 404)
  })

  for (const prefix of ['/openai/deployments/', '/openai/openai/deployments/']) {
    const call = (deployment: string, query = '', body: object = chat('ignored/by-the-path')) =>
      ask(gateway, { path: `${prefix}${deployment}/chat/completions${query}`, body })

    test(`${prefix} a deployment is one of Azure's, and beats the body's model`, async () => {
      assert.equal((await call('gpt-4o')).status, 200)
      const request = await arrived('my-gpt4o')
      assert.equal(
        request.path,
        '/openai/deployments/my-gpt4o/chat/completions?api-version=2024-10-21',
      )
      assert.equal(request.field('model'), 'my-gpt4o')
    })

    test(`${prefix} the caller's api-version goes to Azure and to nobody else`, async () => {
      await call('names-version', '?api-version=2025-01-01-preview&other=1')
      const { path } = await arrived('names-version')
      assert.match(path, /\?api-version=2025-01-01-preview$/)
      await call('openai%2Fnames-version', '?api-version=2025-01-01-preview')
      assert.equal((await arrived('names-version')).path, '/v1/chat/completions')
      const refused = envelopeOf(await call('gpt-4o', '?api-version=a%26b'))
      assert.deepEqual([refused.status_code, refused.error.param], [400, 'api-version'])
    })

    test(`${prefix} slashes name a provider, encoded or not`, async () => {
      for (const [deployment, model] of [
        ['openai/names-plain', 'names-plain'],
        ['openai%2Fnames-coded', 'names-coded'],
        ['openai%2fnames%2Fdeep', 'names/deep'],
        ['openai/chat/completions', 'chat/completions'],
      ] as const) {
        assert.equal((await call(deployment)).headers['x-sluice-provider'], 'openai', deployment)
        assert.equal((await arrived(model)).path, '/v1/chat/completions')
      }
    })

    test(`${prefix} a deployment may be called chat, and the body may name no model`, async () => {
      const body = { messages: [{ role: 'user', content: 'hi' }] }
      assert.equal((await call('chat', '', body)).status, 200)
      assert.equal((await arrived('chat')).field('model'), undefined)
      assert.equal((await call('openai%2Fnames-none', '', body)).status, 200)
      assert.equal((await arrived('names-none')).field('model'), 'names-none')
    })

    test(`${prefix} what could be more than a name is refused`, async () => {
      for (const deployment of [
        '..',
        '%2e%2e',
        'a%2F..%2Fb',
        'openai%2F..%2F..%2Fadmin',
        'a%2F%2Fb',
        'a%00b',
        'a%0d%0ab',
        '%ZZ',
        '%E9',
        'x'.repeat(513),
      ]) {
        const answer = await call(deployment)
        assert.equal(answer.status, 400, deployment)
        envelopeOf(answer)
      }
      assert.equal((await call('')).status, 404)
    })
  }

  test("an allow-list is matched against the name as asked and the resolved provider's", async () => {
    const narrow = (model: string, more: object = {}) =>
      ask(gateway, { headers: withKey(keys.narrow), body: chat(model, more) })
    for (const model of [
      'smart',
      'openai/gpt-any',
      'gpt-bare',
      'bare-allowed',
      'azure/gpt-4o',
      'gpt-4o',
    ])
      assert.equal((await narrow(model)).status, 200, model)
    for (const model of ['openai/o1', 'openai/gpt', 'behind-smart', 'demo/hello', 'azure/gpt-4']) {
      const { error, type } = envelopeOf(await narrow(model))
      assert.deepEqual([error.code, type], ['model_not_allowed', 'model_blocked'], model)
      assert.match(error.message, /key "narrow".*smart, openai\/gpt-\*/)
    }
    assert.equal((await narrow('smart', { fallbacks: ['openai/gpt-any'] })).status, 200)
    assert.equal((await narrow('smart', { fallbacks: ['openai/o1'] })).status, 403)
  })

  test('an allow-list holds for Azure paths under azure/<deployment>', async () => {
    const narrow = (deployment: string) =>
      ask(gateway, {
        path: `/openai/deployments/${deployment}/chat/completions`,
        headers: withKey(keys.narrow),
        body: chat('openai/gpt-any'),
      })
    assert.equal((await narrow('gpt-4o')).status, 200)
    assert.equal((await narrow('another')).status, 403)
    assert.equal((await narrow('demo%2Fhello')).status, 403)
  })

  test('the list holds what the caller may use, and nothing else is found', async () => {
    const headers = withKey(keys.narrow)
    const list = await ask(gateway, { path: '/v1/models', headers })
    const { object, data } = list.json() as { object: string; data: { id: string }[] }
    assert.equal(object, 'list')
    assert.deepEqual(data.map(({ id }) => id).sort(), ['azure/gpt-4o', 'smart'])
    for (const [id, status] of [
      ['azure/gpt-4o', 200],
      ['azure%2Fgpt-4o', 200],
      ['smart', 200],
      ['demo/hello', 404],
      ['nowhere', 404],
    ] as const)
      assert.equal((await ask(gateway, { path: `/v1/models/${id}`, headers })).status, status, id)
  })
}
