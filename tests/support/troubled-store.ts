import type { GatewayError } from '../../src/core/errors.ts'
import type { CommandName, Store } from '../../src/store/store.ts'

/** Commands that wait for a word before they reach the store. */
export interface HeldCommands {
  readonly name: CommandName
  /** How many have come so far. */
  asked: number
  /** Resolved, they go on; rejected, they fail. */
  readonly go: PromiseWithResolvers<void>
}

/** Stands between a worker and its store, and makes of it what the test needs. */
export class Trouble {
  /** While there is one, neither a mark nor the end of a job is taken. */
  fault: GatewayError | null = null
  held: HeldCommands | null = null

  hold(name: CommandName): HeldCommands {
    const go = Promise.withResolvers<void>()
    // It may be rejected before anything has come.
    go.promise.catch(() => {})
    this.held = { name, asked: 0, go }
    return this.held
  }

  readonly wrap = (store: Store): Store =>
    new Proxy(store, {
      get: (target, name) => {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          if (this.fault && (name === 'finishJob' || name === 'markJobDispatched')) throw this.fault
          if (this.held?.name === name) {
            this.held.asked++
            await this.held.go.promise
          }
          return await value.apply(target, args)
        }
      },
    })
}
