import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { type DescriptorSource, Descriptors } from './descriptors.ts'

function source(limit: number | null, ...counts: (number | Error)[]): DescriptorSource {
  return {
    limit,
    async count() {
      const next = counts.shift()
      assert.ok(next !== undefined, 'counted more often than needed')
      if (next instanceof Error) throw next
      return next
    },
  }
}

const failed = (code: string): Error => Object.assign(new Error(code), { code })

test('what came since the last count is added to it', async () => {
  let taken = 10
  const descriptors = new Descriptors(() => taken, source(200, 100))
  assert.equal(descriptors.part, 0)
  await descriptors.look()
  assert.equal(descriptors.part, 0.5)
  taken = 60
  assert.equal(descriptors.part, 0.75)
  // What has gone is believed only once it is counted: it may have been something else.
  taken = 0
  assert.equal(descriptors.part, 0.5)
})

test('what comes while it is being counted is not missed', async () => {
  let taken = 0
  const counted = Promise.withResolvers<number>()
  const descriptors = new Descriptors(() => taken, { limit: 100, count: () => counted.promise })
  const looking = descriptors.look()
  taken = 30
  // A second look waits for the first.
  await descriptors.look()
  counted.resolve(50)
  await looking
  assert.equal(descriptors.part, 0.8)
})

test('what goes while it is being counted lets nobody in unseen afterwards', async () => {
  let taken = 50
  const counted = Promise.withResolvers<number>()
  const descriptors = new Descriptors(() => taken, { limit: 100, count: () => counted.promise })
  const looking = descriptors.look()
  taken = 0
  counted.resolve(30)
  await looking
  taken = 40
  assert.equal(descriptors.part, 0.7)
})

test('calls that have no socket yet when they are counted are not forgotten', async () => {
  let taken = 0
  const descriptors = new Descriptors(() => taken, source(100, 55, 56, 80))
  await descriptors.look()
  // Thirty have come; the socket of one is open.
  taken = 30
  await descriptors.look()
  assert.equal(descriptors.part, 0.85)
  await descriptors.look()
  taken = 31
  assert.equal(descriptors.part, 0.81)
})

test('it is counted every time once half of them are taken, before that every fourth time', async () => {
  const few = new Descriptors(() => 0, source(100, 10, 60, 60, 61))
  for (let n = 0; n < 4; n++) await few.look()
  assert.equal(few.part, 0.1)
  for (let n = 0; n < 3; n++) await few.look()
  assert.equal(few.part, 0.61)
})

test('when none is left even to count them, they count as all taken', async () => {
  const descriptors = new Descriptors(
    () => 0,
    source(100, 60, failed('EMFILE'), failed('EIO'), 10, 11),
  )
  await descriptors.look()
  await descriptors.look()
  assert.equal(descriptors.part, 1)
  await descriptors.look()
  assert.equal(descriptors.part, 1)
  await descriptors.look()
  await descriptors.look()
  assert.equal(descriptors.part, 0.11)
})

test('where there is no limit to be read, nothing is counted', async () => {
  const descriptors = new Descriptors(() => 5, source(null))
  await descriptors.look()
  assert.equal(descriptors.part, 0)
})

test('the limit and the number of this process are read', {
  skip: process.platform === 'linux' ? false : 'only Linux tells',
}, async () => {
  const descriptors = new Descriptors(() => 0)
  const limit = descriptors.limit ?? 0
  assert.ok(limit > 0)
  await descriptors.look()
  const counted = Math.round(descriptors.part * limit)
  assert.ok(Math.abs(counted - readdirSync('/proc/self/fd').length) <= 3, String(counted))
})
