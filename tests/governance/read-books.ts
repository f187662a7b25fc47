import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'

/** A line of the ledger, as it is stored. */
export interface StoredLine {
  readonly id: string
  readonly callId: string
  readonly kind: string
  readonly outcome: string
  readonly role: string
  readonly form: string
  readonly key: string
  readonly provider: string
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly estimated: number
  readonly costNanos: number | null
  /** Nano-dollars by the budget's name. */
  readonly charges: Readonly<Record<string, number>>
}

export interface StoredBudget {
  readonly scope: string
  readonly scopeId: string
  readonly windowAt: number
  readonly spent: number
  readonly leased: number
}

/** Everything that is stored of money and usage. */
export interface Books {
  readonly lines: readonly StoredLine[]
  readonly budgets: readonly StoredBudget[]
  readonly leases: readonly { readonly node: string; readonly nanos: number }[]
  /** Over all hours. */
  readonly usage: Readonly<
    Record<'calls' | 'attempts' | 'inputTokens' | 'outputTokens' | 'costNanos', number>
  >
}

const lineSql = `select id, call_id as "callId", kind, outcome, role, form, key_name as "key", provider, model,
  input_tokens as "inputTokens", output_tokens as "outputTokens", estimated, cost_nanos as "costNanos",
  cast(charges as text) as charges from ledger order by id`
const budgetSql = `select scope, scope_id as "scopeId", window_at as "windowAt", spent, leased from budgets`
const leaseSql = `select node, nanos from budget_leases where nanos > 0`
const usageSql = `select coalesce(sum(calls), 0) as calls, coalesce(sum(attempts), 0) as attempts,
  coalesce(sum(input_tokens), 0) as "inputTokens", coalesce(sum(output_tokens), 0) as "outputTokens",
  coalesce(sum(cost_nanos), 0) as "costNanos" from usage_sums where grain = 0`

type Row = Readonly<Record<string, unknown>>

/** Of a file that a gateway may have open. */
export function readSqliteBooks(file: string): Books {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    return toBooks(...([lineSql, budgetSql, leaseSql, usageSql].map(readFrom(db)) as Four))
  } finally {
    db.close()
  }
}

const readFrom =
  (db: DatabaseSync) =>
  (sql: string): readonly Row[] =>
    db.prepare(sql).all() as readonly Row[]

export async function readPostgresBooks(url: string): Promise<Books> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read')
    const read = async (sql: string): Promise<readonly Row[]> => (await client.query(sql)).rows
    return toBooks(
      await read(lineSql),
      await read(budgetSql),
      await read(leaseSql),
      await read(usageSql),
    )
  } finally {
    await client.end()
  }
}

type Four = [readonly Row[], readonly Row[], readonly Row[], readonly Row[]]

function toBooks(...[lines, budgets, leases, usage]: Four): Books {
  return {
    lines: lines.map((row) => ({
      ...(numbersIn(row) as unknown as StoredLine),
      charges: JSON.parse(String(row['charges'])),
    })),
    budgets: budgets.map((row) => numbersIn(row) as unknown as StoredBudget),
    leases: leases.map((row) => numbersIn(row) as unknown as Books['leases'][number]),
    usage: numbersIn(usage[0] ?? {}) as unknown as Books['usage'],
  }
}

const texts = new Set([
  ...['id', 'callId', 'kind', 'outcome', 'role', 'form', 'key', 'provider', 'model'],
  ...['charges', 'scope', 'scopeId', 'node'],
])
/** Postgres tells large numbers as text. */
const numbersIn = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      texts.has(name) || value === null ? value : Number(value),
    ]),
  )

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

/** Every way in which the books contradict themselves; empty: they agree to the nano-dollar. */
export function contradictions({ lines, budgets, leases, usage }: Books): readonly string[] {
  const found: string[] = []
  const check = (what: string, is: number, expected: number): void => {
    if (is !== expected) found.push(`${what}: ${is}, and by the ledger ${expected}`)
  }
  for (const { scope, scopeId, windowAt, spent } of budgets) {
    const name = `${scope}/${windowAt}/${scopeId}`
    check(`spent of ${name}`, spent, sum(lines.map(({ charges }) => charges[name] ?? 0)))
  }
  const known = new Set(budgets.map((one) => `${one.scope}/${one.windowAt}/${one.scopeId}`))
  for (const { id, charges } of lines)
    for (const name of Object.keys(charges))
      if (!known.has(name)) found.push(`${id} is charged to ${name}, which is not there`)
  check('leased', sum(budgets.map(({ leased }) => leased)), sum(leases.map(({ nanos }) => nanos)))
  const used = lines.filter(({ kind }) => kind === 'usage')
  check('attempts', usage.attempts, used.length)
  check('calls', usage.calls, used.filter(({ role }) => role === 'first').length)
  check('input tokens', usage.inputTokens, sum(used.map(({ inputTokens }) => inputTokens)))
  check('output tokens', usage.outputTokens, sum(used.map(({ outputTokens }) => outputTokens)))
  check('cost', usage.costNanos, sum(used.map(({ costNanos }) => costNanos ?? 0)))
  if (new Set(lines.map(({ id }) => id)).size !== lines.length) found.push('a line is there twice')
  return found
}

/** Of a level, over its windows. */
export const spentOf = ({ budgets }: Books, scope: string): number =>
  sum(budgets.filter((one) => one.scope === scope).map(({ spent }) => spent))
export const leasedOf = ({ budgets }: Books, scope: string): number =>
  sum(budgets.filter((one) => one.scope === scope).map(({ leased }) => leased))
