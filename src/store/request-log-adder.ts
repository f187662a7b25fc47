import type { Columns } from './request-log-block.ts'

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface Sums {
  readonly calls: number
  /** Of status 400 and above, but for those whose client went away. */
  readonly errors: number
  readonly limited: number
  readonly left: number
  /** Answered, but not by the first that was asked. */
  readonly rescued: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  readonly costNanos: number
  /** Null: nothing was measured. Milliseconds, right to a tenth. */
  readonly duration: Quantiles | null
  readonly firstToken: Quantiles | null
}

type Outcome = 'answered' | 'failed' | 'limited' | 'left'

/** What sums need of one call, read once for all of them and used again for the next one. */
export class CallNumbers {
  outcome: Outcome = 'answered'
  rescued = false
  input = 0
  output = 0
  cached = 0
  reasoning = 0
  cost = 0
  bin = 0
  /** -1: nothing was measured. */
  firstBin = -1

  read(columns: Columns, row: number): void {
    const status = columns.status[row] ?? 0
    this.outcome = outcomeOf(status)
    this.rescued = (columns.fallback[row] ?? 0) > 0 || (columns.attempts[row] ?? 0) > 1
    this.input = columns.input[row] ?? 0
    this.output = columns.output[row] ?? 0
    this.cached = columns.cached[row] ?? 0
    this.reasoning = columns.reasoning[row] ?? 0
    // What is not known is NaN.
    const cost = columns.cost[row] ?? 0
    this.cost = cost > 0 ? cost : 0
    this.bin = binOf(columns.duration[row] ?? 0)
    const firstTokenMs = columns.firstToken[row] ?? 0
    this.firstBin = firstTokenMs > 0 ? binOf(firstTokenMs) : -1
  }
}

function outcomeOf(status: number): Outcome {
  if (status < 400) return 'answered'
  return status === 499 ? 'left' : status === 429 ? 'limited' : 'failed'
}

/** Calls added up. */
export class Adder {
  calls = 0
  #errors = 0
  #limited = 0
  #left = 0
  #rescued = 0
  #input = 0
  #output = 0
  #cached = 0
  #reasoning = 0
  #cost = 0
  readonly #duration = new Histogram()
  readonly #firstToken = new Histogram()

  add(call: CallNumbers): void {
    const { bin, firstBin } = call
    this.calls++
    if (call.outcome === 'left') this.#left++
    else if (call.outcome !== 'answered') this.#errors++
    else if (call.rescued) this.#rescued++
    if (call.outcome === 'limited') this.#limited++
    this.#input += call.input
    this.#output += call.output
    this.#cached += call.cached
    this.#reasoning += call.reasoning
    this.#cost += call.cost
    this.#duration.add(bin)
    if (firstBin >= 0) this.#firstToken.add(firstBin)
  }

  include(other: Adder): void {
    this.calls += other.calls
    this.#errors += other.#errors
    this.#limited += other.#limited
    this.#left += other.#left
    this.#rescued += other.#rescued
    this.#input += other.#input
    this.#output += other.#output
    this.#cached += other.#cached
    this.#reasoning += other.#reasoning
    this.#cost += other.#cost
    this.#duration.include(other.#duration)
    this.#firstToken.include(other.#firstToken)
  }

  sums(): Sums {
    return {
      calls: this.calls,
      errors: this.#errors,
      limited: this.#limited,
      left: this.#left,
      rescued: this.#rescued,
      inputTokens: this.#input,
      outputTokens: this.#output,
      cachedInputTokens: this.#cached,
      reasoningTokens: this.#reasoning,
      costNanos: this.#cost,
      duration: this.#duration.quantiles(),
      firstToken: this.#firstToken.quantiles(),
    }
  }
}

/** Eight bins to each doubling, from a sixteenth of a millisecond to six days. */
const perDoubling = 8
const lowest = -4
const bins = 32 * perDoubling

/** A logarithm costs more than everything else that is done with a call. */
function binOf(ms: number): number {
  bits.setFloat32(0, ms)
  return binsOfBits[bits.getUint32(0) >>> 16] ?? 0
}

const bits = new DataView(new ArrayBuffer(4))

/** By the upper half of a number's 32 bits, which is sign, size and seven digits: finer than a bin is. */
const binsOfBits = Uint8Array.from({ length: 65_536 }, (_, upper) => {
  bits.setUint32(0, upper << 16)
  const ms = bits.getFloat32(0)
  const bin = ms > 0 ? Math.floor((Math.log2(ms) - lowest) * perDoubling) : 0
  return Math.max(0, Math.min(bins - 1, bin))
})

class Histogram {
  #counts: Uint32Array | null = null
  #total = 0

  add(bin: number): void {
    this.#counts ??= new Uint32Array(bins)
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1
    this.#total++
  }

  include(other: Histogram): void {
    const counts = other.#counts
    if (counts === null) return
    this.#counts ??= new Uint32Array(bins)
    for (const [bin, count] of counts.entries())
      this.#counts[bin] = (this.#counts[bin] ?? 0) + count
    this.#total += other.#total
  }

  quantiles(): Quantiles | null {
    if (this.#counts === null) return null
    return { p50: this.#at(0.5), p95: this.#at(0.95), p99: this.#at(0.99) }
  }

  /** The middle of the bin in which it lies. */
  #at(part: number): number {
    let left = Math.ceil(this.#total * part)
    const bin = this.#counts?.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return Math.round(2 ** (((bin ?? 0) + 0.5) / perDoubling + lowest) * 100) / 100
  }
}
