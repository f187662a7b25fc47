import type { Scope } from '../core/allowance.ts'
import type { PriceBook } from './price-book.ts'

/** What limits and prices hold besides the caller's own; part of the snapshot. */
export interface Tariff {
  readonly prices: PriceBook
  /** Of providers by name, and of models by public name or `provider/model`. */
  readonly providers: ReadonlyMap<string, Scope>
  readonly models: ReadonlyMap<string, Scope>
}
