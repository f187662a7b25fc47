import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { GatewayError } from '../core/errors.ts'
import { type AdminCredential, AdminGate, hashPassword, verifyPassword } from './admin-door.ts'

const password = 'korrekt:pferd batterie ✓'
const basic = (name: string, secret: string) => Buffer.from(`${name}:${secret}`).toString('base64')
const right = basic('root', password)
const wrong = basic('root', 'guess')
let credential: AdminCredential

before(async () => {
  credential = { username: 'root', passwordHash: await hashPassword(password) }
})

function open() {
  const clock = new ManualClock()
  const gate = new AdminGate(credential, clock)
  const check = async (given: string, address = '10.0.0.1'): Promise<string> => {
    try {
      return (await gate.check(given, address))?.kind ?? 'refused'
    } catch (thrown) {
      const { code, facts } = thrown as GatewayError
      return `${code} ${facts.retryAfterMs}`
    }
  }
  const fail = async (times: number, given = wrong, address?: string): Promise<void> => {
    for (let i = 0; i < times; i++) assert.equal(await check(given, address), 'refused')
  }
  return { gate, clock, check, fail }
}

test('a password is kept as argon2id with a salt of its own', async () => {
  const [one, two] = await Promise.all([hashPassword('same'), hashPassword('same')])
  assert.match(one, /^argon2id\$[\w+/=]{24}\$[\w+/=]{44}$/)
  assert.notEqual(one, two)
  assert.equal(await verifyPassword('same', two), true)
  assert.equal(await verifyPassword('Same', two), false)
  assert.equal(await verifyPassword('', two), false)
})

test('the right name and password open the door, and nothing near them', async () => {
  const { check } = open()
  assert.equal(await check(right), 'admin')
  for (const other of [
    basic('Root', password),
    basic('root', `${password} `),
    basic('root', ''),
    basic('', password),
    Buffer.from('no colon').toString('base64'),
    '',
    '!!!',
  ])
    assert.equal(await check(other, other), 'refused', other)
})

test('without an admin nobody is one', async () => {
  const gate = new AdminGate(null, new ManualClock())
  assert.equal(await gate.check(right, 'a'), null)
})

test('a success is remembered for five minutes, and answered at once', async () => {
  const { gate, clock, check } = open()
  await check(right)
  assert.ok(!(gate.check(right, '10.0.0.1') instanceof Promise))
  await clock.advance(5 * 60_000 - 1)
  assert.ok(!(gate.check(right, '10.0.0.1') instanceof Promise))
  await clock.advance(1)
  const again = gate.check(right, '10.0.0.1')
  assert.ok(again instanceof Promise)
  assert.equal((await again)?.kind, 'admin')
})

test('only what succeeded is remembered, not what is near it', async () => {
  const { gate, check } = open()
  await check(right)
  const near = gate.check(basic('root', `${password}x`), 'b')
  assert.ok(near instanceof Promise)
  assert.equal(await near, null)
})

test('who fails five times waits, longer each time up to a minute, and is refused before hashing', async () => {
  const { clock, check, fail } = open()
  await fail(5)
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    assert.equal(await check(wrong), `login_throttled ${seconds * 1000}`)
    await clock.advance(seconds * 1000 - 1)
    assert.equal(await check(right), 'login_throttled 1')
    await clock.advance(1)
    await fail(1)
  }
})

test('another address or another name is not held up', async () => {
  const { check, fail } = open()
  await fail(5)
  assert.match(await check(wrong), /^login_throttled/)
  assert.equal(await check(basic('other', 'guess')), 'refused')
  assert.equal(await check(right, '10.0.0.2'), 'admin')
})

test('an admin who is remembered is not held up by guesses from the same address', async () => {
  const { check, fail } = open()
  await check(right)
  await fail(5)
  assert.match(await check(wrong), /^login_throttled/)
  assert.equal(await check(right), 'admin')
})

test('what is remembered of one address tells guessers at another nothing', async () => {
  const { check } = open()
  await check(right)
  for (let i = 0; i < 5; i++) await check(basic('root', `guess ${i}`), '10.0.0.2')
  assert.match(await check(right, '10.0.0.2'), /^login_throttled/)
  assert.equal(await check(right), 'admin')
})

test('a success forgives the failures before it', async () => {
  const { check, fail } = open()
  await fail(4)
  assert.equal(await check(right), 'admin')
  await fail(4)
  assert.equal(await check(wrong), 'refused')
  assert.match(await check(wrong), /^login_throttled/)
})

test('ten at a time are heard, two hashing and eight waiting; the rest are sent away at once', async () => {
  const { check } = open()
  const settled: string[] = []
  const checks = Array.from({ length: 15 }, (_, i) =>
    check(basic('root', `guess ${i}`), `address ${i}`).then((found) => {
      settled.push(found)
      return found
    }),
  )
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(settled, new Array(5).fill('login_throttled 1000'))
  const found = await Promise.all(checks)
  assert.deepEqual(found.slice(0, 10), new Array(10).fill('refused'))
  assert.equal(await check(right), 'admin')
})

test('guesses sent all at once do not get past the throttle while they wait their turn', async () => {
  const { check } = open()
  const found = await Promise.all(Array.from({ length: 10 }, () => check(wrong)))
  const refused = found.filter((each) => each === 'refused').length
  assert.ok(refused <= 6, `${refused} guesses were hashed`)
  assert.ok(found.some((each) => each.startsWith('login_throttled')))
})

test('what is thrown holds neither the name nor the password', async () => {
  const { gate, fail } = open()
  await fail(5)
  await assert.rejects(
    async () => gate.check(wrong, '10.0.0.1'),
    ({ message, facts }: GatewayError) =>
      !/root|guess/.test(message + JSON.stringify(facts)) && !message.includes(wrong),
  )
})
