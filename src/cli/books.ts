import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import { Bookkeeper } from '../gateway/bookkeeper.ts'
import type { LedgerEntry } from '../gateway/ledger-entry.ts'
import { LedgerWriter } from '../gateway/ledger-writer.ts'
import { BudgetBook } from '../governance/budget-book.ts'
import { LimitBook } from '../governance/limit-book.ts'
import { IntentLog } from '../sinks/intent-log.ts'
import type { Log } from '../sinks/log.ts'
import type { Store } from '../store/store.ts'

export interface BooksParts {
  readonly store: Store
  readonly runtime: Runtime
  readonly dataDir: string
  readonly logger: Log['logger']
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
const batch = 500

/** Settles what earlier processes left open, then opens the books of this one. */
export async function openBooks({ store, runtime, dataDir, logger }: BooksParts): Promise<Books> {
  const { clock } = runtime
  const folder = join(dataDir, 'intents')
  const node = `${bootId()}-${randomUUID()}`
  await settleLeftovers(store, folder, clock.now(), logger)
  const warn = (error: GatewayError, what: string): void =>
    logger.error({ code: error.code, reason: error.message }, what)
  const intents = new IntentLog(folder, node, clock)
  const writer = new LedgerWriter({ store, clock, node, warn })
  const limits = new LimitBook(clock)
  const bank = {
    lease: (wishes: Parameters<Store['leaseBudgets']>[1]) =>
      store.leaseBudgets(node, wishes, clock.now()),
    giveBack: (back: Parameters<Store['returnLeases']>[1]) => store.returnLeases(node, back),
  }
  const budgets = new BudgetBook(bank, clock)
  const looking: Timer = clock.timer(lookMs, () => {
    // Money that nobody here needs is money that others are refused.
    budgets
      .giveBackIdle(store.shared ? idleMs : Number.POSITIVE_INFINITY)
      .catch((thrown: unknown) => warn(GatewayError.from(thrown), 'idle money could not go back'))
      .finally(() => looking.refresh())
  })
  return {
    books: new Bookkeeper({ clock, limits, budgets, writer, intents }),
    writer,
    stop() {
      looking.cancel()
      writer.stop()
    },
    async close() {
      await writer.flush()
      await budgets.giveBackIdle(0).catch(() => {})
      intents.stop()
    },
  }
}

/**
 * What a process that died had under way is settled as an estimate. What it had taken ahead goes back where its notes
 * are all there, which a killed process leaves; after a power failure notes may be missing, and it is charged instead.
 */
async function settleLeftovers(
  store: Store,
  folder: string,
  now: number,
  logger: Log['logger'],
): Promise<void> {
  const left = IntentLog.recover(folder)
  for (const { node, lines, forget } of left) {
    const entries = lines.flatMap((line) => entryIn(line) ?? [])
    let written = 0
    for (let from = 0; from < entries.length; from += batch)
      written += (await store.settleAttempts(node, entries.slice(from, from + batch))).written
    forget()
    if (written > 0)
      logger.warn({ attempts: written }, 'calls that a process left open were settled as estimates')
  }
  if (store.shared) return
  for (const node of await store.listLeaseNodes()) {
    const isSameBoot = node.startsWith(`${bootId()}-`)
    const ended = await store.endNodeLeases(node, !isSameBoot, now)
    if (ended.length > 0 && !isSameBoot)
      logger.warn(
        { budgets: ended.map(({ scope, scopeId }) => `${scope}:${scopeId}`) },
        'money that was taken ahead before the machine went down was charged, unattributed',
      )
  }
}

function entryIn(line: string): LedgerEntry | null {
  try {
    return JSON.parse(line) as LedgerEntry
  } catch {
    return null
  }
}

/** Another one with every start of the machine; where the system tells none, with every start of the process. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
  } catch {
    return randomUUID().replaceAll('-', '')
  }
}
