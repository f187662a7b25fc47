import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawResponse } from '../support/raw-client.ts'
import {
  adminBasic,
  ask,
  basic,
  chat,
  envelopeOf,
  type HeaderList,
  keys,
  type Stage,
  withKey,
} from './stage.ts'

/** In the order in which they decide; each key may use nothing, so that the refusal names who came in. */
const carriers = ['x-bf-vk', 'authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const
type Carrier = (typeof carriers)[number]

const carry = (carrier: Carrier, value: string): readonly [string, string] => [
  carrier,
  carrier === 'authorization' ? `Bearer ${value}` : value,
]

/** Who a caller is, by each header alone and by two at once. */
export function authSuite({ gateway }: Stage): void {
  const call = (headers: HeaderList): Promise<RawResponse> =>
    ask(gateway, { headers, body: chat('demo/hello') })
  const admitted = async (headers: HeaderList): Promise<string> => {
    const answer = await call(headers)
    if (answer.status === 200) return 'good'
    const { error } = envelopeOf(answer)
    return /^The key "([^"]+)" may not use/.exec(error.message)?.[1] ?? String(error.code)
  }

  for (const carrier of carriers)
    test(`a key in ${carrier} is read`, async () => {
      assert.equal(await admitted([carry(carrier, keys.open)]), 'good')
      assert.equal(await admitted([carry(carrier, keys[carrier])]), carrier)
      assert.equal(await admitted([carry(carrier, keys.unknown)]), 'invalid_api_key')
      assert.equal(await admitted([carry(carrier, keys.expired)]), 'invalid_api_key')
      assert.equal(await admitted([carry(carrier, keys.disabled)]), 'key_disabled')
      assert.equal(await admitted([carry(carrier, keys.open.toUpperCase())]), 'good')
    })

  test('the first of two keys decides, whatever order the headers have', async () => {
    for (const [index, first] of carriers.entries())
      for (const second of carriers.slice(index + 1)) {
        const pair = [carry(first, keys[first]), carry(second, keys.open)] as const
        assert.equal(await admitted(pair), first, `${first}, ${second}`)
        assert.equal(await admitted([pair[1], pair[0]]), first, `${second}, ${first}`)
        const bad = [carry(first, keys.unknown), carry(second, keys.open)] as const
        assert.equal(await admitted(bad), 'invalid_api_key', `${first} unknown, ${second}`)
      }
  })

  test('foreign values are ignored beside a key of ours, and are none without', async () => {
    const foreign = carriers.slice(1)
    for (const first of foreign)
      for (const second of foreign) {
        if (first === second) continue
        const pair = [carry(first, 'sk-proj-of-someone-else'), carry(second, keys[second])] as const
        assert.equal(await admitted(pair), second, `${first}, ${second}`)
        assert.equal(await admitted([pair[1], pair[0]]), second, `${second}, ${first}`)
      }
    for (const carrier of foreign)
      assert.equal(await admitted([carry(carrier, 'dummy')]), 'virtual_key_required')
    assert.equal(await admitted([]), 'virtual_key_required')
    assert.equal(await admitted([['authorization', 'Digest x']]), 'virtual_key_required')
    assert.equal(await admitted([['authorization', 'Bearer']]), 'virtual_key_required')
  })

  test('x-bf-vk decides alone, also over the admin and with what is no key', async () => {
    for (const vk of ['dummy', keys.unknown])
      for (const other of [['authorization', adminBasic], carry('x-api-key', keys.open)] as const)
        assert.equal(await admitted([['x-bf-vk', vk], other]), 'invalid_api_key')
  })

  test('the scheme is read in any case', async () => {
    for (const scheme of ['bearer', 'BEARER', 'bEaReR'])
      assert.equal(await admitted([['authorization', `${scheme} ${keys.open}`]]), 'good')
    for (const scheme of ['basic', 'BASIC'])
      assert.equal(await admitted([['authorization', adminBasic.replace('Basic', scheme)]]), 'good')
  })

  test("the admin's Basic is good beside any key, and decides before it", async () => {
    for (const carrier of ['x-api-key', 'api-key', 'x-goog-api-key'] as const)
      for (const value of [keys[carrier], keys.unknown, 'dummy'])
        assert.equal(
          await admitted([['authorization', adminBasic], carry(carrier, value)]),
          'good',
          carrier,
        )
  })

  test('a wrong Basic is ignored beside a key of ours, and is 401 without one', async () => {
    for (const carrier of ['x-api-key', 'api-key', 'x-goog-api-key'] as const) {
      const proxy = ['authorization', basic(`proxy-${carrier}`, 'its own')] as const
      assert.equal(await admitted([proxy, carry(carrier, keys[carrier])]), carrier)
    }
    const alone = await call([['authorization', basic('nobody', 'wrong')]])
    assert.equal(envelopeOf(alone).error.code, 'invalid_api_key')
    assert.match(alone.headers['www-authenticate'] ?? '', /^Basic realm=/)
    for (const broken of ['Basic !!!', 'Basic', `Basic ${Buffer.from('x').toString('base64')}`])
      assert.equal((await call([['authorization', broken]])).status, 401, broken)
  })

  test('passwords that are guessed are throttled before long', async () => {
    const guess = () => call([['authorization', basic('guesser', 'wrong')]])
    let answer = await guess()
    // Each failure past the fifth waits twice as long as the one before, so some try comes too early.
    for (let tries = 1; answer.status === 401 && tries < 15; tries++) answer = await guess()
    assert.equal(envelopeOf(answer).error.code, 'login_throttled')
    assert.equal(answer.headers['x-should-retry'], 'true')
    assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/)
    assert.equal(await admitted([['authorization', adminBasic]]), 'good')
  })

  test('one credential header sent twice is refused', async () => {
    for (const carrier of carriers) {
      const one = carry(carrier, keys.open)
      const answer = await call([one, one])
      assert.equal(answer.status, 400, carrier)
      assert.equal(envelopeOf(answer).error.code, 'invalid_request')
    }
    const [scheme, other] = [withKey(keys.open)[0], ['AUTHORIZATION', adminBasic]] as const
    if (scheme) assert.equal((await call([scheme, other])).status, 400)
  })

  test('a value that no key can have is 401, however long', async () => {
    for (const value of [`${keys.open}x`, `sk-bf-${'a'.repeat(507)}`, `sk-bf-${'a'.repeat(8000)}`])
      for (const carrier of carriers)
        assert.equal(await admitted([carry(carrier, value)]), 'invalid_api_key', carrier)
  })

  test('a refusal tells neither the key nor whether the model exists', async () => {
    for (const model of ['demo/hello', 'nowhere/at-all']) {
      const answer = await ask(gateway, { headers: withKey(keys.unknown), body: chat(model) })
      assert.equal(answer.status, 401)
      assert.ok(!answer.text.includes(keys.unknown.slice(0, 20)))
      assert.equal(envelopeOf(answer).type, 'virtual_key_not_found')
    }
  })

  test('who is not known is refused before the body is read', async () => {
    const answer = await ask(gateway, {
      method: 'POST',
      headers: [
        ['content-type', 'application/json'],
        ['content-length', '1000000'],
      ],
    })
    assert.equal(answer.status, 401)
  })
}
