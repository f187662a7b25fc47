import { GatewayError } from '../../core/errors.ts'
import { parseJson } from '../json.ts'
import { SseFramer } from '../sse.ts'
import type { Framer } from '../translate/event-decoder.ts'

const maxBytes = 32 * 1024 * 1024
const space = new Set([0x20, 0x09, 0x0a, 0x0d])
const bracket = 0x5b
const brace = 0x7b

/**
 * The texts of a stream. Behind a proxy that loses `alt=sse`, and where a stream fails before it began, they come as
 * one JSON text: that is read at its end.
 */
export class AnswerFramer implements Framer<string> {
  readonly #sse = new SseFramer()
  readonly #pieces: Uint8Array[] = []
  #sizeBytes = 0
  #form: 'unknown' | 'events' | 'json' = 'unknown'

  push(chunk: Uint8Array): readonly string[] {
    if (this.#form === 'unknown') this.#form = formOf(chunk)
    if (this.#form !== 'json')
      return this.#sse.push(chunk).flatMap(({ data }) => (data === null ? [] : [data]))
    this.#sizeBytes += chunk.length
    if (this.#sizeBytes > maxBytes)
      throw new GatewayError(
        'upstream_invalid_response',
        `the provider sent a list of over ${maxBytes / 1024 / 1024} MiB`,
      )
    // A copy: the chunk's memory is used again.
    this.#pieces.push(Uint8Array.from(chunk))
    return []
  }

  end(): string | null {
    const text =
      this.#form === 'json'
        ? Buffer.concat(this.#pieces).toString('utf8')
        : (this.#sse.end()?.data ?? null)
    // What stands there unfinished tells of a cut, not of a provider that writes nonsense.
    return text === null || parseJson(text) === undefined ? null : text
  }
}

/** By its first character that is no white space. */
function formOf(chunk: Uint8Array): 'unknown' | 'events' | 'json' {
  for (const byte of chunk)
    if (!space.has(byte)) return byte === bracket || byte === brace ? 'json' : 'events'
  return 'unknown'
}
