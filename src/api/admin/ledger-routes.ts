import { dollarsText } from '../../core/money.ts'
import type { Charge, ChargedRow, Recount } from '../../store/ledger-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { auditOf } from './change.ts'
import { invalid } from './check-fields.ts'
import { listLedger, recountLedger, repriceLedger } from './contract-money.ts'
import { timeText, usualLimit } from './page.ts'
import { repriceSome } from './reprice.ts'

/** The ledger over HTTP: its lines, and what sets right what was reckoned from it. */
export function ledgerRoutes(deps: AdminDeps): readonly AdminRoute[] {
  const { store, runtime, gateway } = deps
  return [
    bind(listLedger, async ({ query: { call_id: callId = null, after, limit = usualLimit } }) => {
      const before = after === undefined ? null : readCursor(after)
      // One more than is shown tells whether there are more, where so many may be asked for.
      const found = await store.listLedger({ callId, before, limit: Math.min(limit + 1, 1000) })
      const data = found.slice(0, limit)
      const last = data.at(-1)
      const mayFollow = found.length > limit || found.length === 1000
      const next = last && mayFollow ? `${last.at}_${last.id}` : null
      return { body: { object: 'list', data: data.map(showRow), next } }
    }),
    bind(recountLedger, async (request) => {
      const from = Date.parse(request.body.from)
      const done = await store.recount(from)
      const told = { budgets: done.budgets.length, usage_rows: done.usageRows }
      const entry = { action: 'recount', kind: 'ledger', object: 'ledger', before: null }
      await store.appendAudit(
        auditOf(request, { ...entry, after: { from: timeText(from), ...told } }, runtime),
      )
      return { body: showRecount(done) }
    }),
    bind(repriceLedger, async (request) => {
      const { model, from, to } = request.body
      const span = {
        from: Date.parse(from),
        to: to === undefined ? runtime.clock.now() + 1 : Date.parse(to),
      }
      if (span.from >= span.to) throw invalid('from', '"from" must be before "to"')
      const done = await repriceSome({ store, snapshot: gateway.snapshot }, model, span)
      const body = {
        object: 'reprice' as const,
        repriced: done.repriced,
        unpriced: done.unpriced,
        complete: done.isComplete,
        to: timeText(done.isComplete ? span.from : done.to),
      }
      const entry = { action: 'reprice', kind: 'ledger', object: model, before: null }
      await store.appendAudit(auditOf(request, { ...entry, after: { from, ...body } }, runtime))
      return { body }
    }),
  ]
}

function readCursor(text: string): { readonly at: number; readonly id: string } {
  const line = text.indexOf('_')
  return { at: Number(text.slice(0, line)), id: text.slice(line + 1) }
}

const showRow = (row: ChargedRow) => ({
  object: 'ledger_row' as const,
  id: row.id,
  call_id: row.callId,
  at: timeText(row.at),
  kind: row.kind,
  outcome: row.outcome,
  role: row.role,
  form: row.form,
  key_id: row.keyId,
  key: row.key,
  team_id: row.teamId,
  customer_id: row.customerId,
  route: row.route,
  provider: row.provider,
  model: row.model,
  provider_key: row.providerKey,
  input_tokens: row.inputTokens,
  output_tokens: row.outputTokens,
  cached_input_tokens: row.cachedInputTokens,
  cache_write_tokens: row.cacheWriteTokens,
  reasoning_tokens: row.reasoningTokens,
  audio_input_tokens: row.audioInputTokens,
  audio_output_tokens: row.audioOutputTokens,
  estimated: row.estimated,
  cost_usd: row.costNanos === null ? null : dollarsText(row.costNanos),
  cost_nanos: row.costNanos,
  price: row.price,
  charges: row.charges.map(showCharge),
})

const showCharge = ({ scope, scopeId, windowAt, spentNanos }: Charge) => ({
  scope,
  scope_id: scopeId,
  window_start: timeText(windowAt),
  spent_usd: dollarsText(spentNanos),
  spent_nanos: spentNanos,
})

const showRecount = ({ budgets, usageRows }: Recount) => ({
  object: 'recount' as const,
  usage_rows: usageRows,
  budgets: budgets.map(({ countedNanos, ...budget }) => ({
    ...showCharge(budget),
    counted_usd: dollarsText(countedNanos),
    counted_nanos: countedNanos,
  })),
})
