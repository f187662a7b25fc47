import type { Budget, BudgetWindow, Scope } from '../core/allowance.ts'
import { GatewayError } from '../core/errors.ts'
import { dollarsText, type Nanos } from '../core/money.ts'
import type { Clock } from '../core/runtime.ts'
import { windowOf } from '../core/window.ts'
import { nameOf } from './limit-book.ts'

/** Where money is really kept. Whatever is granted is this process's to spend until it is given back. */
export interface BudgetBank {
  lease(
    wishes: readonly (BudgetWindow & { readonly limitNanos: Nanos; readonly wantNanos: Nanos })[],
  ): Promise<readonly Nanos[]>
  giveBack(back: readonly (BudgetWindow & { readonly nanos: Nanos })[]): Promise<void>
}

/** Money held for one attempt; to be settled once. */
export interface Reservation {
  readonly nanos: Nanos
  /** The windows it was taken from, which are charged with what it came to. */
  readonly windows: readonly BudgetWindow[]
  /** What it really came to, 0 where nothing was used. It may be more than was held: then the next call finds less. */
  settle(spentNanos: Nanos): void
  /** After `settle`, once the bank has been told what was spent. */
  stored(): void
}

/** A budget in its present window: what was taken ahead, and what of it is held or spent. */
interface Account {
  readonly window: BudgetWindow
  readonly endsAt: number
  leasedNanos: Nanos
  heldNanos: Nanos
  /** Spent, and the bank does not know of it yet. */
  untoldNanos: Nanos
  /** What is taken ahead at once. */
  blockNanos: Nanos
  /** What calls wait for, together: a refill asks for all of it. */
  wantedNanos: Nanos
  /** When it was last used, monotonic. */
  usedMs: number
  /** A refill under way; whoever needs it too waits for the same one. */
  refill: Promise<void> | null
  /** The bank gave less than was asked for: until then nothing more is expected of it. */
  emptyUntilMs: number
  /** The limit it was empty under. */
  emptyLimitNanos: Nanos
  /** It was given back, and another one counts if it is needed again. */
  isGone: boolean
}

const blocksPerLimit = 50
const emptyMs = 500

/**
 * Holds money before it is spent, over all of a call's budgets or none. It is taken from the bank in blocks ahead, so
 * that a call usually asks nobody; never more is held than was taken, so nothing is overspent by calls at the same time.
 */
export class BudgetBook {
  readonly #bank: BudgetBank
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  /** The present one of a scope, which stays as long as a snapshot: windows are reckoned when they end, not with every call. */
  readonly #present = new WeakMap<Scope, Account>()

  constructor(bank: BudgetBank, clock: Clock) {
    this.#bank = bank
    this.#clock = clock
  }

  /**
   * A promise only where the bank must be asked first. Rejects, or throws, with `budget_exceeded` that names the level,
   * and with what the bank failed with.
   */
  reserve(scopes: readonly Scope[], nanos: Nanos): Reservation | Promise<Reservation> {
    const budgets = scopes.filter((scope) => scope.budget !== null)
    const accounts = budgets.map((scope) => this.#accountOf(scope))
    const tooSmall = budgets.find(({ budget }) => budget && nanos > budget.limitNanos)
    // It could never be paid, and to ask for it would only take from others what is left.
    if (tooSmall) throw this.#exceeded(tooSmall, nanos)
    const isStrict = budgets.some(({ budget }) => budget?.strict)
    if (!isStrict && accounts.every((account) => roomIn(account) >= nanos))
      return this.#hold(budgets, accounts, nanos)
    return this.#reserveSlowly(budgets, nanos)
  }

  /** What is spent or held of a budget by this process, and what it has taken ahead; for showing. */
  stateOf(scope: Scope): { readonly leasedNanos: Nanos; readonly heldNanos: Nanos } {
    const account = this.#accounts.get(keyOf(scope, this.#windowOf(scope).startAt))
    return { leasedNanos: account?.leasedNanos ?? 0, heldNanos: account?.heldNanos ?? 0 }
  }

  /**
   * Gives back what is not needed: of windows that are over, and of budgets nobody has used for `idleMs`, all of it; 0
   * for every budget. Of the others what is more than two blocks, which calls that were expected to cost more have left.
   * Called now and then, and at the end.
   */
  async giveBackIdle(idleMs: number): Promise<void> {
    const [nowMs, now] = [this.#clock.monotonic(), this.#clock.now()]
    const isIdle = ({ endsAt, usedMs, emptyUntilMs }: Account): boolean => {
      // What was too little for a call here may be what another process lacks for one.
      const isShort = emptyUntilMs > 0 && idleMs < Number.POSITIVE_INFINITY
      const unusedMs = isShort ? Math.min(emptyMs, idleMs) : idleMs
      return endsAt <= now || nowMs - usedMs >= unusedMs
    }
    const idle = [...this.#accounts].filter(([, account]) => isIdle(account))
    const back = [...this.#accounts.values()].map((account) => {
      const kept = isIdle(account) ? 0 : 2 * account.blockNanos
      return { account, nanos: Math.max(0, roomIn(account) - kept) }
    })
    for (const { account, nanos } of back) account.leasedNanos -= nanos
    try {
      const asked = back.filter(({ nanos }) => nanos > 0)
      if (asked.length > 0)
        await this.#bank.giveBack(asked.map(({ account, nanos }) => ({ ...account.window, nanos })))
    } catch (thrown) {
      // It is still this process's: the next round tries again.
      for (const { account, nanos } of back) account.leasedNanos += nanos
      throw thrown
    }
    for (const [key, account] of idle)
      if (isSettled(account) && roomIn(account) <= 0) {
        account.isGone = true
        this.#accounts.delete(key)
      }
  }

  /**
   * Counts on nothing that was taken ahead any more: somebody else may have ended it. What is held is settled as it
   * would be.
   */
  forget(): void {
    for (const account of this.#accounts.values()) account.isGone = true
    this.#accounts.clear()
  }

  async #reserveSlowly(budgets: readonly Scope[], nanos: Nanos): Promise<Reservation> {
    for (;;) {
      // Anew each time: a window may have ended while the bank was asked.
      const accounts = budgets.map((scope) => this.#accountOf(scope))
      const short = budgets.filter((_, i) => roomIn(accounts[i] as Account) < nanos)
      if (short.length === 0) return this.#hold(budgets, accounts, nanos)
      // Each round gets something or hears that there is nothing, so this comes to an end.
      const refused = short.find((scope) => this.#isEmpty(scope))
      if (refused) throw this.#exceeded(refused, nanos)
      await Promise.all(short.map((scope) => this.#awaitRefill(scope, nanos)))
    }
  }

  async #awaitRefill(scope: Scope, nanos: Nanos): Promise<void> {
    const account = this.#accountOf(scope)
    account.wantedNanos += nanos
    try {
      await this.#refill(scope)
    } finally {
      account.wantedNanos -= nanos
    }
  }

  #isEmpty(scope: Scope): boolean {
    const { emptyUntilMs, emptyLimitNanos } = this.#accountOf(scope)
    // A limit that was changed since is another question.
    return emptyUntilMs > this.#clock.monotonic() && emptyLimitNanos === scope.budget?.limitNanos
  }

  #hold(budgets: readonly Scope[], accounts: readonly Account[], nanos: Nanos): Reservation {
    const nowMs = this.#clock.monotonic()
    accounts.forEach((account, i) => {
      account.heldNanos += nanos
      account.usedMs = nowMs
      const scope = budgets[i] as Scope
      if (roomIn(account) < account.blockNanos / 2 && account.emptyUntilMs < nowMs)
        // Ahead of need, and nobody waits for it; who needs it meets its failure there.
        void this.#refill(scope).catch(() => {})
    })
    let isOpen = true
    let untoldNanos = 0
    return {
      nanos,
      windows: accounts.map(({ window }) => window),
      settle(spentNanos) {
        if (!isOpen) return
        isOpen = false
        untoldNanos = spentNanos
        for (const account of accounts) {
          account.heldNanos -= nanos
          account.leasedNanos -= spentNanos
          account.untoldNanos += spentNanos
        }
      },
      stored() {
        for (const account of accounts) noteStored(account, untoldNanos)
        untoldNanos = 0
      },
    }
  }

  /** Resolves once the bank has answered, with more money or not. */
  #refill(scope: Scope): Promise<void> {
    const account = this.#accountOf(scope)
    account.refill ??= this.#ask(scope, account).finally(() => {
      account.refill = null
    })
    return account.refill
  }

  async #ask(scope: Scope, account: Account): Promise<void> {
    const budget = scope.budget as Budget
    // Who calls in the same moment is waited for too: one question to the bank for all of them.
    await null
    const short = Math.max(0, account.wantedNanos - roomIn(account))
    account.blockNanos = blockOf(budget)
    const wantNanos = short + account.blockNanos
    const [granted = 0] = await this.#bank.lease([
      { ...account.window, limitNanos: budget.limitNanos, wantNanos },
    ])
    account.leasedNanos += granted
    account.emptyUntilMs = 0
    if (granted >= wantNanos) return
    account.emptyUntilMs = this.#clock.monotonic() + emptyMs
    account.emptyLimitNanos = budget.limitNanos
  }

  #accountOf(scope: Scope): Account {
    const present = this.#present.get(scope)
    const now = this.#clock.now()
    if (present && now < present.endsAt && now >= present.window.windowAt && !present.isGone)
      return present
    const account = this.#findAccount(scope)
    this.#present.set(scope, account)
    return account
  }

  #findAccount(scope: Scope): Account {
    const { startAt, endAt } = this.#windowOf(scope)
    const key = keyOf(scope, startAt)
    const known = this.#accounts.get(key)
    if (known) return known
    const account: Account = {
      window: { scope: scope.kind, scopeId: scope.id, windowAt: startAt },
      endsAt: endAt,
      leasedNanos: 0,
      heldNanos: 0,
      untoldNanos: 0,
      blockNanos: blockOf(scope.budget as Budget),
      wantedNanos: 0,
      usedMs: this.#clock.monotonic(),
      refill: null,
      emptyUntilMs: 0,
      emptyLimitNanos: 0,
      isGone: false,
    }
    this.#accounts.set(key, account)
    return account
  }

  #windowOf(scope: Scope): { readonly startAt: number; readonly endAt: number } {
    return windowOf((scope.budget as Budget).window, this.#clock.now())
  }

  #exceeded(scope: Scope, nanos: Nanos): GatewayError {
    const { limitNanos } = scope.budget as Budget
    const { endAt } = this.#windowOf(scope)
    // How much others have together is not the caller's to know.
    const own =
      scope.kind === 'key'
        ? `may spend ${dollarsText(limitNanos)} dollars, and`
        : 'has a budget, and'
    return new GatewayError(
      'budget_exceeded',
      `${nameOf(scope)} ${own} what is left does not cover this call, which may cost up to ${dollarsText(nanos)} dollars. The next window begins at ${new Date(endAt).toISOString()}. A smaller "max_tokens" makes a call cheaper.`,
      { scope: scope.kind, dispatched: false },
    )
  }
}

const isSettled = ({ heldNanos, untoldNanos, refill }: Account): boolean =>
  heldNanos === 0 && untoldNanos === 0 && !refill

/**
 * The bank takes what was spent out of what was taken ahead, and what is more than that out of the budget itself: that
 * debt is paid then, and must not be paid again out of the next block.
 */
function noteStored(account: Account, nanos: Nanos): void {
  const atBank = account.leasedNanos + account.untoldNanos
  // With an answer of the bank under way nobody knows which came first; then the debt is rather paid twice.
  if (!account.refill) account.leasedNanos += Math.max(0, nanos - Math.max(0, atBank))
  account.untoldNanos -= nanos
}

const keyOf = ({ kind, id }: Scope, windowAt: number): string => `${kind}:${id}:${windowAt}`
const roomIn = ({ leasedNanos, heldNanos }: Account): Nanos => leasedNanos - heldNanos
/** What is taken ahead: the bound of what may be lost to a power failure, and kept from other processes. */
const blockOf = ({ limitNanos, strict }: Budget): Nanos =>
  strict ? 0 : Math.max(1, Math.ceil(limitNanos / blocksPerLimit))
