import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLane } from './lane.ts'

test('no more run at once than may, in the order they came, whether they succeed or not', async () => {
  const lane = createLane(2)
  const began: number[] = []
  const ends: PromiseWithResolvers<number>[] = []
  const runs = [0, 1, 2, 3, 4].map((n) =>
    lane(() => {
      began.push(n)
      const end = Promise.withResolvers<number>()
      ends[n] = end
      return end.promise
    }),
  )
  assert.deepEqual(began, [0, 1])
  ends[1]?.reject(new Error('no'))
  await assert.rejects(runs[1] as Promise<number>, { message: 'no' })
  assert.deepEqual(began, [0, 1, 2])
  ends[0]?.resolve(0)
  ends[2]?.resolve(2)
  assert.deepEqual(await Promise.all([runs[0], runs[2]]), [0, 2])
  assert.deepEqual(began, [0, 1, 2, 3, 4])
  ends[3]?.resolve(3)
  ends[4]?.resolve(4)
  assert.deepEqual(await Promise.all([runs[3], runs[4]]), [3, 4])
  assert.equal(await lane(async () => 5), 5)
})
