import assert from 'node:assert/strict'

/** Money as it should be, by budget and node, without a database. */
export class BudgetModel {
  readonly #spent = new Map<string, number>()
  /** By node and budget. */
  readonly #leases = new Map<string, number>()
  readonly #settled = new Set<number>()

  lease(
    node: string,
    wishes: readonly { readonly id: string; readonly nanos: number }[],
    limit: number,
  ): number[] {
    return wishes.map(({ id, nanos }) => {
      const [spent, leased] = this.moneyOf(id)
      const granted = Math.max(0, Math.min(nanos, limit - spent - leased))
      this.#hold(node, id, this.#held(node, id) + granted)
      // What was taken ahead is within the limit unless more was spent than taken.
      assert.ok(granted === 0 || spent + leased + granted <= limit)
      return granted
    })
  }

  /** How many were new. */
  settle(
    node: string,
    rows: readonly { readonly call: number; readonly id: string; readonly nanos: number }[],
  ): number {
    let written = 0
    for (const { call, id, nanos } of rows) {
      if (this.#settled.has(call)) continue
      this.#settled.add(call)
      written++
      this.#spent.set(id, (this.#spent.get(id) ?? 0) + nanos)
      this.giveBack(node, id, nanos)
    }
    return written
  }

  giveBack(node: string, id: string, nanos: number): void {
    this.#hold(node, id, Math.max(0, this.#held(node, id) - nanos))
  }

  end(node: string, shouldCharge: boolean): void {
    for (const [name, nanos] of this.#leases) {
      const [holder, id = ''] = name.split(' ')
      if (holder !== node) continue
      this.#leases.set(name, 0)
      if (shouldCharge) this.#spent.set(id, (this.#spent.get(id) ?? 0) + nanos)
    }
  }

  moneyOf(id: string): [number, number] {
    let leased = 0
    for (const [name, nanos] of this.#leases) if (name.endsWith(` ${id}`)) leased += nanos
    return [this.#spent.get(id) ?? 0, leased]
  }

  #held(node: string, id: string): number {
    return this.#leases.get(`${node} ${id}`) ?? 0
  }

  #hold(node: string, id: string, nanos: number): void {
    this.#leases.set(`${node} ${id}`, nanos)
  }
}
