import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { GatewayError } from '../core/errors.ts'
import { InFlight, type OpenCall } from './in-flight.ts'

const { assert: always, array, constantFrom, nat, property, tuple } = fc

function call(): OpenCall & { readonly aborted: GatewayError[] } {
  const aborted: GatewayError[] = []
  const abort = (reason: GatewayError): void => void aborted.push(reason)
  return { slot: 0, stream: false, aborted, abort, endConnection() {} }
}

test('calls that enter and leave in any order are counted, plain ones and streams', () => {
  const step = tuple(constantFrom('enter', 'stream', 'leave'), nat())
  void always(
    property(array(step, { maxLength: 60 }), (steps) => {
      const list = new InFlight()
      const open: ReturnType<typeof call>[] = []
      for (const [what, pick] of steps)
        if (what === 'leave') {
          const [gone] = open.splice(pick % Math.max(1, open.length), 1)
          if (gone) list.leave(gone)
        } else {
          const entering = call()
          open.push(entering)
          list.enter(entering)
          if (what === 'stream') list.markStream(entering)
        }
      assert.equal(list.size, open.length)
      assert.equal(list.streams, open.filter(({ stream }) => stream).length)
      const reason = new GatewayError('gateway_shutdown', 'over')
      list.abortAll(reason)
      for (const { aborted } of open) assert.deepEqual(aborted, [reason])
    }),
  )
})

test('calls that leave while all are aborted do not keep others from being aborted', () => {
  const list = new InFlight()
  const calls = [call(), call(), call()]
  for (const each of calls) {
    list.enter(each)
    const { abort } = each
    each.abort = (reason) => {
      abort(reason)
      list.leave(each)
    }
  }
  list.abortAll(new GatewayError('gateway_shutdown', 'over'))
  assert.deepEqual(
    calls.map(({ aborted }) => aborted.length),
    [1, 1, 1],
  )
  assert.equal(list.size, 0)
})

test('waiting for the end resolves with the last call, and at once where there is none', async () => {
  const list = new InFlight()
  await list.whenEmpty()
  const [one, two] = [call(), call()]
  list.enter(one)
  list.enter(two)
  let over = false
  const end = list.whenEmpty().then(() => {
    over = true
  })
  list.leave(one)
  await Promise.resolve()
  assert.equal(over, false)
  list.leave(two)
  await end
})
