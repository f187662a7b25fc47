import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ledgerRow } from '../../tests/store-suite-ledger-fixtures.ts'
import { fc } from '../../tests/support/properties.ts'
import { ledgerLine, lineOf, readLines, wayText } from './ledger-line.ts'

const text = fc.string({ unit: 'binary', maxLength: 20 })
const count = fc.nat(1_000_000_000)
const way = fc.record({
  ...{ keyId: text, key: text, teamId: text, customerId: text, route: text },
  ...{ provider: text, model: text, providerKey: text, price: text },
})
const rest = fc.record({
  at: count,
  outcome: fc.constantFrom('answered', 'failed', 'aborted', 'interrupted'),
  role: fc.constantFrom('first', 'repeat', 'hedge'),
  form: fc.constantFrom('plain', 'stream', 'job'),
  ...{ inputTokens: count, outputTokens: count, cachedInputTokens: count },
  ...{ cacheWriteTokens: count, reasoningTokens: count },
  ...{ audioInputTokens: count, audioOutputTokens: count },
  estimated: fc.boolean(),
  costNanos: fc.option(fc.nat()),
})

test('a line made of texts is the line of its row, and says all of it', () => {
  fc.assert(
    fc.property(way, rest, (way, rest) => {
      const own = { ...rest, id: 'chatcmpl-1/1', callId: 'chatcmpl-1' } as const
      const row = ledgerRow(own.id, { ...own, ...way, kind: 'usage' })
      const charges = [{ scope: 'key', scopeId: 'a/"b', windowAt: 7, spentNanos: 5 }] as const
      const line = lineOf(wayText(way), row, JSON.stringify({ 'key/7/a/"b': 5 }))
      assert.equal(line, ledgerLine({ row, charges }))
      const [read] = readLines([line])
      const whole = JSON.parse(JSON.stringify(row).replaceAll('\\u0000', '\ufffd'))
      assert.deepEqual(read?.row, whole)
      assert.deepEqual(read?.charges, charges)
    }),
  )
})
