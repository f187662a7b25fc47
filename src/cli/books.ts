import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import type { Redactor } from '../core/redactor.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import { Bookkeeper } from '../gateway/bookkeeper.ts'
import { LedgerWriter } from '../gateway/ledger-writer.ts'
import { BudgetBook } from '../governance/budget-book.ts'
import { LimitBook } from '../governance/limit-book.ts'
import { Timekeeper } from '../jobs/timekeeper.ts'
import { IntentLog } from '../sinks/intent-log.ts'
import type { Log } from '../sinks/log.ts'
import type { Store } from '../store/store.ts'
import { LeaseWatch } from './lease-watch.ts'
import { settleLeftovers } from './leftover-books.ts'
import { nodeName } from './node-name.ts'

export interface BooksParts {
  readonly store: Store
  readonly runtime: Runtime
  readonly dataDir: string
  readonly logger: Log['logger']
  readonly redact: () => Redactor
}

export interface Books {
  readonly books: Bookkeeper
  readonly writer: LedgerWriter
  /** Leaves no timer behind. */
  stop(): void
  /** After the last call: writes what is left, gives back what was taken ahead. */
  close(): Promise<void>
}

const idleMs = 10_000
const lookMs = 2000

/** Settles what earlier processes left open, then opens the books of this one. */
export async function openBooks({
  store,
  runtime,
  dataDir,
  logger,
  redact,
}: BooksParts): Promise<Books> {
  const { clock } = runtime
  const folder = join(dataDir, 'intents')
  const node = nodeName()
  await settleLeftovers(store, folder, clock.now(), logger)
  const warn = (error: GatewayError, what: string): void =>
    logger.error({ code: error.code, reason: error.message }, what)
  const intents = new IntentLog(folder, node, clock)
  if (store.shared) leaveName(intents)
  const writer = new LedgerWriter({ store, clock, node, warn })
  const limits = new LimitBook(clock)
  const bank = {
    lease: (wishes: Parameters<Store['leaseBudgets']>[1]) =>
      store.leaseBudgets(node, wishes, clock.now()),
    giveBack: (back: Parameters<Store['returnLeases']>[1]) => store.returnLeases(node, back),
  }
  const budgets = new BudgetBook(bank, clock)
  const watch = store.shared
    ? new LeaseWatch({ store, node, budgets, clock, time: new Timekeeper(clock, store), logger })
    : null
  // Before anything is taken ahead: who was never heard of is taken for dead.
  await watch?.look()
  const look = async (): Promise<void> => {
    await watch?.look()
    // Money that nobody here needs is money that others are refused.
    await budgets.giveBackIdle(store.shared ? idleMs : Number.POSITIVE_INFINITY)
  }
  let isFailing = false
  const looking: Timer = clock.timer(lookMs, () => {
    look()
      .then(() => {
        isFailing = false
      })
      .catch((thrown: unknown) => {
        if (!isFailing) warn(GatewayError.from(thrown), 'the care for budgets met a fault')
        isFailing = true
      })
      .finally(() => {
        if (!isStopped) looking.refresh()
      })
  })
  let isStopped = false
  return {
    books: new Bookkeeper({ clock, limits, budgets, writer, intents, redact }),
    writer,
    stop() {
      isStopped = true
      looking.cancel()
      writer.stop()
    },
    async close() {
      await writer.flush()
      // With nothing left to be written all of what this process has taken ahead is unspent.
      if (writer.waiting === 0) await store.endNodeLeases(node, false, clock.now()).catch(() => {})
      intents.stop()
    },
  }
}

/** One that is killed between taking money ahead and its first note would else be found by its silence alone, and be charged. */
function leaveName(intents: IntentLog): void {
  try {
    intents.begin()
  } catch {
    // Whoever wants to note something is told.
  }
}
