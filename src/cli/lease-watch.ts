import type { Clock } from '../core/runtime.ts'
import type { BudgetBook } from '../governance/budget-book.ts'
import type { Timekeeper } from '../jobs/timekeeper.ts'
import type { Log } from '../sinks/log.ts'
import type { Store } from '../store/store.ts'

export interface LeaseWatchDeps {
  readonly store: Pick<Store, 'keepJobs' | 'listLeaseNodes' | 'endNodeLeases'>
  readonly node: string
  readonly budgets: Pick<BudgetBook, 'forget'>
  readonly clock: Clock
  readonly time: Pick<Timekeeper, 'sync' | 'now'>
  readonly logger: Log['logger']
}

/** After that others take a node for dead, as they do with its jobs. */
const silenceMs = 30_000
/** Well before that a node that cannot make itself heard stops counting on what it has taken ahead. */
const doubtMs = 20_000

/** Says that this gateway is alive, and ends what others have taken ahead that are not any more. */
export class LeaseWatch {
  readonly #deps: LeaseWatchDeps
  #heardMs: number

  constructor(deps: LeaseWatchDeps) {
    this.#deps = deps
    this.#heardMs = deps.clock.monotonic()
  }

  /** Every few seconds. Rejects while the store is away. */
  async look(): Promise<void> {
    const { store, node, clock, time, budgets, logger } = this.#deps
    const beganMs = clock.monotonic()
    if (beganMs - this.#heardMs > doubtMs) budgets.forget()
    await time.sync()
    await store.keepJobs(node, [], 0, time.now())
    // An answer that was long on its way may be of before the others gave up.
    if (clock.monotonic() - this.#heardMs > doubtMs) budgets.forget()
    this.#heardMs = beganMs
    for (const other of await store.listLeaseNodes(time.now() - silenceMs)) {
      if (other === node) continue
      // What it had under way stands on its own disk, so nobody here can tell what of the money was spent.
      const ended = await store.endNodeLeases(other, true, time.now())
      if (ended.length > 0)
        logger.warn(
          { budgets: ended.map(({ scope, scopeId }) => `${scope}:${scopeId}`) },
          'money that a gateway had taken ahead which is gone was charged, unattributed',
        )
    }
  }
}
