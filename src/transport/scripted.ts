import type { Clock, Timer } from '../core/runtime.ts'
import type { Endpoint, Exchange, ExchangeHandler, UpstreamRequest } from './transport.ts'
import { describeFailure } from './upstream-failure.ts'

/** An answer played from memory: each frame comes `afterMs` after the one before. */
export interface Script {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly frames: readonly { readonly afterMs: number; readonly bytes: Uint8Array }[]
  /** `cut` breaks the connection off, `stall` says nothing more. */
  readonly end: 'end' | 'cut' | 'stall'
}

/** A provider without a network: whatever is sent there is answered by a script. */
export function scriptedEndpoint(
  write: (request: UpstreamRequest) => Script,
  clock: Clock,
): Endpoint {
  return {
    send(request, handler) {
      const exchange = new ScriptedExchange(write(request), handler, clock)
      exchange.next()
      return exchange
    },
  }
}

class ScriptedExchange implements Exchange {
  readonly dispatched = true
  readonly #script: Script
  readonly #handler: ExchangeHandler
  readonly #clock: Clock
  #at = 0
  #timer: Timer | null = null
  #paused = false
  #due = false
  #ended = false

  constructor(script: Script, handler: ExchangeHandler, clock: Clock) {
    this.#script = script
    this.#handler = handler
    this.#clock = clock
  }

  abort(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (this.#due) this.#play()
  }

  /** Always by way of the clock: an answer within the call that asked would surprise whoever listens. */
  next(): void {
    const frame = this.#script.frames[this.#at]
    this.#timer = this.#clock.timer(frame?.afterMs ?? 0, () => this.#play())
  }

  #play(): void {
    this.#due = this.#paused
    if (this.#ended || this.#paused) return
    const { status, headers, frames, end } = this.#script
    if (this.#at === 0) this.#handler.onHead(status, headers)
    // Frames that follow at once are one burst, as they would be on a wire.
    for (let first = true; !this.#ended; first = false) {
      const frame = frames[this.#at]
      if (!frame) {
        this.#finish(end)
        return
      }
      if (!first && frame.afterMs > 0) break
      this.#at++
      this.#handler.onData(Buffer.from(frame.bytes))
      if (this.#paused) break
    }
    if (!this.#ended) this.next()
  }

  #finish(end: Script['end']): void {
    if (end === 'stall') return
    this.#ended = true
    if (end === 'end') this.#handler.onEnd()
    else
      this.#handler.onFailure(
        describeFailure(new Error('the script cuts the connection'), 'answering'),
      )
  }
}
