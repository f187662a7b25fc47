import type { ScopeKind } from '../core/allowance.ts'
import type { Nanos } from '../core/money.ts'

/** One attempt that was made, for ever. Times are epoch ms. */
export interface LedgerRow {
  /** `<call id>/<number of the attempt>`: what was settled once is never settled again. */
  readonly id: string
  readonly callId: string
  /** When it was settled. */
  readonly at: number
  /** `usage` of an attempt; `unattributed`: money a dead process had taken ahead and nobody can tell what for. */
  readonly kind: 'usage' | 'unattributed'
  /** How it went: `answered`, `failed`, `aborted`, `interrupted` (the process died while it was under way). */
  readonly outcome: 'answered' | 'failed' | 'aborted' | 'interrupted'
  readonly role: 'first' | 'repeat' | 'hedge'
  readonly form: 'plain' | 'stream' | 'job'
  /** Names as they were; ids where there are any. Empty: none. */
  readonly keyId: string
  readonly key: string
  readonly teamId: string
  readonly customerId: string
  /** The public name that was asked for. */
  readonly route: string
  readonly provider: string
  readonly model: string
  readonly providerKey: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  readonly audioInputTokens: number
  readonly audioOutputTokens: number
  readonly estimated: boolean
  /** Null: there was no price for it. */
  readonly costNanos: Nanos | null
  /** Which price it was reckoned by: its source and date. */
  readonly price: string
}

/** A row with what it was charged to. */
export interface ChargedRow extends LedgerRow {
  readonly charges: readonly Charge[]
}

/** A row and its charges before they are written. */
export interface SettledRow {
  readonly row: LedgerRow
  readonly charges: readonly Charge[]
}

/**
 * The same as one text (`ledger-line.ts`): made once, it is noted on disk, kept until it is stored, and handed over to
 * the store's thread, none of which looks into it.
 */
export type LedgerLine = string

/** A budget's money in one of its windows. */
export interface BudgetRef {
  readonly scope: ScopeKind
  readonly scopeId: string
  /** Epoch ms of the window's beginning. */
  readonly windowAt: number
}

export interface LeaseWish extends BudgetRef {
  readonly limitNanos: Nanos
  /** At most so much; less is granted where less is left, never below nothing. */
  readonly wantNanos: Nanos
}

export interface Charge extends BudgetRef {
  /** What was spent; it is taken out of the node's lease as far as that goes. */
  readonly spentNanos: Nanos
}

export interface BudgetState extends BudgetRef {
  readonly spentNanos: Nanos
  /** Taken ahead by nodes and not spent yet. */
  readonly leasedNanos: Nanos
}

/** Key, team and customer by their ids; empty: none. */
export type UsageDimension =
  | 'key'
  | 'team'
  | 'customer'
  | 'route'
  | 'provider'
  | 'model'
  | 'outcome'
  | 'form'

export interface UsageQuery {
  /** Epoch ms, from inclusive, to exclusive; hours that are touched count whole. */
  readonly from: number
  readonly to: number
  /** One row per combination of these; none: one row in all. At most four. */
  readonly by: readonly UsageDimension[]
  /** Buckets of time; null: none. Days and longer are UTC's. */
  readonly bucket: 'hour' | 'day' | 'month' | null
  /** Only rows whose dimension has one of the values. */
  readonly only: Readonly<Partial<Record<UsageDimension, readonly string[]>>>
  /** Combinations of `by` that get rows of their own, those that cost most; the others share one. Absent: all. */
  readonly top?: number
  /** At most `limit` rows, those after the one given. Absent: all. Not together with `top`. */
  readonly page?: UsagePage
}

export interface UsagePage {
  readonly after: Pick<UsageSum, 'at' | 'values'> | null
  readonly limit: number
}

export interface UsageSum {
  /** Epoch ms of the bucket's beginning; null without buckets. */
  readonly at: number | null
  /** The values of `by`, in its order. */
  readonly values: readonly string[]
  /** A call counts with its first attempt: under its provider and its outcome, in its hour. */
  readonly calls: number
  readonly attempts: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  readonly costNanos: Nanos
  /** Attempts with usage and without a price. */
  readonly unpriced: number
  readonly estimated: number
  /** How many combinations share this row, whose values are empty then; 0: it is one's own. */
  readonly others: number
}

/** What an answer would cost. */
export interface UsageWork {
  /** Sums that would be read. */
  readonly reads: number
  /** The same as if each of them counted; what a filter leaves out costs less. About a microsecond each. */
  readonly cost: number
}

export interface LedgerFilter {
  readonly callId: string | null
  /** Only what comes after this row; null: from the newest on. */
  readonly before: { readonly at: number; readonly id: string } | null
  /** Up to 1000. */
  readonly limit: number
}

export interface Recount {
  /** What differed from the sum of the ledger, and was set right. */
  readonly budgets: readonly (BudgetState & { readonly countedNanos: Nanos })[]
  readonly usageRows: number
}

/** Money and usage, in commands: each is all or nothing, and durable once answered. */
export interface LedgerStore {
  /**
   * Takes money ahead for a node, each wish by itself: granted is min(want, limit - spent - leased), at least 0. In the
   * order of the wishes.
   */
  leaseBudgets(node: string, wishes: readonly LeaseWish[], now: number): Promise<readonly Nanos[]>
  /** Gives back what was taken ahead and not spent. */
  returnLeases(
    node: string,
    back: readonly (BudgetRef & { readonly nanos: Nanos })[],
  ): Promise<void>
  /**
   * Writes rows with their charges, in one transaction. A row whose id is there already is left out together with
   * its charges. Money beyond the node's lease is charged as well: it has been spent.
   */
  settleAttempts(node: string, lines: readonly LedgerLine[]): Promise<{ readonly written: number }>
  /**
   * Ends a dead node's leases: what is left of each, after its intents were settled, becomes spent, and one ledger row of
   * kind `unattributed` per budget says so. `shouldCharge` false gives the money back instead (an ordinary stop). Answers
   * the budgets that were concerned, as they are then.
   */
  endNodeLeases(node: string, shouldCharge: boolean, now: number): Promise<readonly BudgetState[]>
  /**
   * The nodes that hold money they took ahead, this one's own among them. With `silentSince` only those that have not
   * said since then that they are alive (`keepJobs` does).
   */
  listLeaseNodes(silentSince: number | null): Promise<readonly string[]>
  readBudgets(refs: readonly BudgetRef[]): Promise<readonly BudgetState[]>
  /**
   * Answered from sums that are kept with every row, so that it costs the same over a million rows. What is not
   * attributed is not among them: the same money stands in the ledger once per budget. By time and values, what the
   * others share last; pages are in the database's own order.
   */
  sumUsage(query: UsageQuery): Promise<readonly UsageSum[]>
  /** To be asked before a question that nobody knows the size of. Counted to 2,000,000. */
  weighUsage(query: UsageQuery): Promise<UsageWork>
  /** Newest first. */
  listLedger(filter: LedgerFilter): Promise<readonly ChargedRow[]>
  /**
   * Counts hourly sums, and budgets whose windows began since `from`, anew from the ledger, sets right what differs and
   * tells it. Nothing before the last `pruneLedger` is counted.
   */
  recount(from: number): Promise<Recount>
  /**
   * Prices rows anew. `charges` is what each row is to be charged in all, to the windows it was charged to before
   * (`listLedger` tells them); the store moves budgets and sums by the difference. Answers how many rows there were.
   */
  repriceRows(
    rows: readonly {
      readonly id: string
      readonly costNanos: Nanos
      readonly price: string
      readonly charges: readonly Charge[]
    }[],
  ): Promise<number>
  /**
   * Removes rows older than `before`, and budgets' windows that ended before it; the hourly sums stay. Answers how many
   * rows; at most 10,000 at a time.
   */
  pruneLedger(before: number): Promise<number>
}
