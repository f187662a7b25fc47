import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { sampleCall } from '../../tests/support/sample-call.ts'
import type { Scope } from '../core/allowance.ts'
import { createRedactor } from '../core/redactor.ts'
import { BudgetBook } from '../governance/budget-book.ts'
import { LimitBook } from '../governance/limit-book.ts'
import { PriceBook } from '../governance/price-book.ts'
import { IntentLog } from '../sinks/intent-log.ts'
import { readLines } from '../store/ledger-line.ts'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { lookAtChat } from '../wire/openai-chat/look.ts'
import { Bookkeeper } from './bookkeeper.ts'
import { LedgerWriter } from './ledger-writer.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-bookkeeper-'))
after(() => rmSync(root, { recursive: true, force: true }))

const minute = 60_000
const provider: Scope = {
  ...{ kind: 'provider', id: 'up', name: 'up', budget: null },
  limits: { requests: { amount: 2, windowMs: minute }, tokens: null, concurrency: null },
}
const tariff = {
  prices: new PriceBook(new Map(), () => null),
  providers: new Map([['up', provider]]),
  models: new Map<string, Scope>(),
}
const bytes = Buffer.from('{"model":"up/m","messages":[{"role":"user","content":"x"}]}')
const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
const target = {
  ...{ provider: 'up', type: 'openai', model: 'm', upstreamModel: 'm' },
  ...{ key: 'k', role: 'first' as const },
}

function open(secrets: readonly string[] = []) {
  const clock = new ManualClock()
  const folder = mkdtempSync(join(root, 'x-'))
  const store = { settleAttempts: async () => ({ written: 0 }) }
  const bank = { lease: async () => [], giveBack: async () => {} }
  const redact = createRedactor(secrets)
  const books = new Bookkeeper({
    ...{ clock, limits: new LimitBook(clock), budgets: new BudgetBook(bank, clock) },
    writer: new LedgerWriter({ store, clock, node: 'n', warn() {} }),
    intents: new IntentLog(folder, 'n', clock),
    redact: () => redact,
  })
  const notes = (): readonly string[] =>
    IntentLog.recover(folder).flatMap(({ lines }) => lines().filter((line) => line !== ''))
  return { books, notes }
}

test('an attempt that is not made after all leaves its limits and its note as if it had never been', async () => {
  const { books, notes } = open()
  const call = sampleCall({ id: 'c', attempts: [] })
  for (let i = 0; i < 5; i++) {
    const hold = await books.hold(call, target, look, tariff)
    hold.drop()
    hold.drop()
  }
  assert.deepEqual(
    notes().filter((line) => line.length < 20),
    [...['["c/1"]', '["c/2"]', '["c/3"]', '["c/4"]', '["c/5"]']],
  )
  await books.hold(call, target, look, tariff)
  await books.hold(call, target, look, tariff)
  await assert.rejects(async () => books.hold(call, target, look, tariff), {
    code: 'rate_limit_exceeded',
  })
})

test('a name that is a secret is not in the note of an attempt', async () => {
  const { books, notes } = open(['not-to-be-kept'])
  const call = sampleCall({ id: 'c', asked: 'up/not-to-be-kept', attempts: [] })
  await books.hold(call, { ...target, upstreamModel: 'not-to-be-kept' }, look, tariff)
  const [row] = readLines(notes()).map((line) => line.row)
  assert.deepEqual([row?.route, row?.model], ['up/[redacted]', '[redacted]'])
})
