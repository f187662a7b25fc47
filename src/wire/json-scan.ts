import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../core/errors.ts'

export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

/** Where a member of the outermost object stands in the bytes; ends are exclusive. */
export interface JsonField {
  readonly name: string
  readonly keyStart: number
  readonly keyEnd: number
  readonly start: number
  readonly end: number
  readonly kind: JsonKind
}
export type JsonFields = ReadonlyMap<string, JsonField>

export interface ScanRules {
  readonly maxDepth: number
  /** `refuse`: two readers of the same bytes may never differ about what a request says. `last`: as JSON.parse. */
  readonly duplicates: 'refuse' | 'last'
}
export const requestRules: ScanRules = { maxDepth: 64, duplicates: 'refuse' }
export const replyRules: ScanRules = { maxDepth: 1000, duplicates: 'last' }

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const COLON = 58
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93

// What may come next, at any place between two tokens.
const VALUE = 0
const VALUE_OR_END = 1
const KEY_OR_END = 2
const KEY = 3
const NEXT_OR_END = 4
const DONE = 5
const IN_KEY = 6
const IN_STRING = 7

/**
 * Checks that bytes are one JSON object and notes where its members stand, without building anything: the caller's
 * bytes can then be forwarded, and only what is asked for is read. It accepts exactly what JSON.parse accepts (tests
 * hold it to that) less what the rules refuse. Resumable, so that a body of many megabytes does not hold up others.
 * Throws `invalid_encoding`, `invalid_json` (with line and column), `too_deep` and `duplicate_key`.
 */
export class JsonScan {
  readonly fields = new Map<string, JsonField>()
  readonly #bytes: Buffer
  readonly #rules: ScanRules
  readonly #stack: number[] = []
  #at: number
  #state = VALUE
  #tokenStart = 0
  #name = ''
  #keyStart = 0
  #keyEnd = 0
  #words: Int32Array | null = null

  constructor(bytes: Buffer, rules: ScanRules) {
    if (!isUtf8(bytes) || bytes[0] === 0 || (bytes[1] === 0 && bytes.length > 1))
      throw new GatewayError('invalid_encoding', 'The body is not valid UTF-8')
    this.#bytes = bytes
    this.#rules = rules
    this.#at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  }

  /** Goes on for about `budget` bytes. True once the whole text is read and valid. */
  run(budget = Number.POSITIVE_INFINITY): boolean {
    const bytes = this.#bytes
    const stop = Math.min(bytes.length, this.#at + budget)
    while (this.#at < stop) {
      if (this.#state >= IN_KEY) {
        if (!this.#string(stop)) return false
        continue
      }
      const byte = bytes[this.#at] as number
      if (byte === 32 || byte === 10 || byte === 13 || byte === 9) this.#at++
      else if (this.#state <= VALUE_OR_END) this.#value(byte)
      else this.#structure(byte)
    }
    if (stop < bytes.length) return false
    if (this.#state !== DONE)
      throw this.#fault(
        bytes.length === 0 ? 'The body is empty' : 'The JSON ends before it is complete',
      )
    return true
  }

  #value(byte: number): void {
    if (this.#stack.length === 0 && byte !== OPEN_OBJECT)
      throw this.#fault('The body must be a JSON object')
    if (this.#stack.length === 1) this.#tokenStart = this.#at
    if (byte === QUOTE) {
      this.#at++
      this.#state = IN_STRING
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.#stack.length === this.#rules.maxDepth)
        throw new GatewayError(
          'too_deep',
          `The JSON is nested more than ${this.#rules.maxDepth} levels deep`,
        )
      this.#stack.push(byte)
      this.#at++
      this.#state = byte === OPEN_OBJECT ? KEY_OR_END : VALUE_OR_END
    } else if (byte === CLOSE_ARRAY && this.#state === VALUE_OR_END) this.#close(OPEN_ARRAY)
    else {
      if (byte === 45 || (byte >= 48 && byte <= 57)) this.#number()
      else if (byte === 116) this.#word('true')
      else if (byte === 102) this.#word('false')
      else if (byte === 110) this.#word('null')
      else throw this.#fault('A value was expected')
      this.#valueEnded()
    }
  }

  #structure(byte: number): void {
    if (this.#state === DONE) throw this.#fault('There is more after the end of the JSON')
    if (this.#state === NEXT_OR_END) {
      const inObject = this.#stack.at(-1) === OPEN_OBJECT
      if (byte === COMMA) {
        this.#at++
        this.#state = inObject ? KEY : VALUE
      } else if (byte === (inObject ? CLOSE_OBJECT : CLOSE_ARRAY))
        this.#close(inObject ? OPEN_OBJECT : OPEN_ARRAY)
      else throw this.#fault(`A comma or ${inObject ? '}' : ']'} was expected`)
    } else if (byte === QUOTE) {
      if (this.#stack.length === 1) this.#keyStart = this.#at
      this.#at++
      this.#state = IN_KEY
    } else if (byte === CLOSE_OBJECT && this.#state === KEY_OR_END) this.#close(OPEN_OBJECT)
    else throw this.#fault('A name in double quotes was expected')
  }

  #close(opened: number): void {
    this.#at++
    if (this.#stack.pop() !== opened) throw this.#fault('The brackets do not match')
    this.#valueEnded()
  }

  #valueEnded(): void {
    if (this.#stack.length === 0) this.#state = DONE
    else {
      this.#state = NEXT_OR_END
      if (this.#stack.length === 1) this.#note()
    }
  }

  #note(): void {
    const field = {
      name: this.#name,
      keyStart: this.#keyStart,
      keyEnd: this.#keyEnd,
      start: this.#tokenStart,
      end: this.#at,
      kind: kindOf(this.#bytes[this.#tokenStart] as number),
    }
    if (this.fields.has(this.#name)) {
      if (this.#rules.duplicates === 'refuse')
        throw new GatewayError('duplicate_key', `"${this.#name}" is given twice`, {
          param: this.#name,
        })
      this.fields.delete(this.#name)
    }
    this.fields.set(this.#name, field)
  }

  /** False when the budget ended inside the string. */
  #string(stop: number): boolean {
    const bytes = this.#bytes
    let at = this.#at
    let look = this.#wordAfter(at)
    for (; at < stop; at++) {
      if (at === look) {
        at = this.#skipPlain(at, stop)
        look = this.#wordAfter(at)
        if (at >= stop) break
      }
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        this.#at = at + 1
        if (this.#state === IN_STRING) this.#valueEnded()
        else this.#keyEnded()
        return true
      }
      if (byte === BACKSLASH) {
        at = this.#escape(at)
        look = this.#wordAfter(at + 1)
      } else if (byte < 32) {
        this.#at = at
        throw this.#fault('A control character stands unescaped in a string')
      }
    }
    this.#at = at
    // At the very end the text is cut off inside the string, which the caller finds by the state.
    return at >= bytes.length
  }

  /** The next place to look ahead from, where a four-byte word begins in memory. */
  #wordAfter(at: number): number {
    return at + 16 + (-(this.#bytes.byteOffset + at) & 3)
  }

  /**
   * From the start of a word, the first word in which a quote, a backslash or a control character may stand: most of
   * a chat's bytes are long strings, and four bytes at once are three times as fast as one by one. The terms are the
   * classic "has a byte below n": they may stop a word too early, never too late.
   */
  #skipPlain(at: number, stop: number): number {
    const { buffer, byteOffset } = this.#bytes
    this.#words ??= new Int32Array(buffer, 0, buffer.byteLength >> 2)
    const words = this.#words
    const end = (byteOffset + stop) >> 2
    let index = (byteOffset + at) >> 2
    for (; index < end; index++) {
      const word = words[index] as number
      const quote = word ^ 0x22222222
      const slash = word ^ 0x5c5c5c5c
      const found =
        ((word - 0x20202020) & ~word) |
        ((quote - 0x01010101) & ~quote) |
        ((slash - 0x01010101) & ~slash)
      if ((found & 0x80808080) !== 0) break
    }
    return (index << 2) - byteOffset
  }

  /** Returns the place of the escape's last byte. */
  #escape(at: number): number {
    const kind = this.#bytes[at + 1]
    this.#at = at
    if (kind === 117) {
      for (let i = at + 2; i < at + 6; i++)
        if (!isHex(this.#bytes[i])) throw this.#fault('A \\u escape needs four hex digits')
      return at + 5
    }
    // " \ / b f n r t
    if (
      kind === 34 ||
      kind === 92 ||
      kind === 47 ||
      kind === 98 ||
      kind === 102 ||
      kind === 110 ||
      kind === 114 ||
      kind === 116
    )
      return at + 1
    throw this.#fault('An unknown escape stands in a string')
  }

  #keyEnded(): void {
    const bytes = this.#bytes
    const keyEnd = this.#at
    while (isSpace(bytes[this.#at])) this.#at++
    if (bytes[this.#at] !== COLON) throw this.#fault('A colon was expected')
    this.#at++
    this.#state = VALUE
    if (this.#stack.length > 1) return
    this.#keyEnd = keyEnd
    const text = bytes.toString('utf8', this.#keyStart + 1, keyEnd - 1)
    // "mod\u0065l" is "model" to every JSON reader, so it must be to us.
    this.#name = text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
  }

  #number(): void {
    const bytes = this.#bytes
    let at = this.#at
    const digits = (): void => {
      const from = at
      while (isDigit(bytes[at])) at++
      if (at === from) {
        this.#at = at
        throw this.#fault('A digit was expected')
      }
    }
    if (bytes[at] === 45) at++
    if (bytes[at] === 48) at++
    else digits()
    if (bytes[at] === 46) {
      at++
      digits()
    }
    if (bytes[at] === 101 || bytes[at] === 69) {
      at++
      if (bytes[at] === 43 || bytes[at] === 45) at++
      digits()
    }
    this.#at = at
  }

  #word(word: string): void {
    if (this.#bytes.toString('latin1', this.#at, this.#at + word.length) !== word)
      throw this.#fault('A value was expected')
    this.#at += word.length
  }

  /** Never echoes the body: it may hold what must not end in a log. */
  #fault(what: string): GatewayError {
    const before = this.#bytes.subarray(0, Math.min(this.#at, this.#bytes.length))
    let line = 1
    for (let at = before.indexOf(10); at !== -1; at = before.indexOf(10, at + 1)) line++
    const column = before.length - (before.lastIndexOf(10) + 1) + 1
    return new GatewayError('invalid_json', `${what}, at line ${line}, column ${column}`)
  }
}

export function scanJson(bytes: Buffer, rules: ScanRules): JsonFields {
  const scan = new JsonScan(bytes, rules)
  scan.run()
  return scan.fields
}

/** The member's value, read on its own. */
export function readField(bytes: Buffer, field: JsonField): unknown {
  return JSON.parse(bytes.toString('utf8', field.start, field.end))
}

function kindOf(byte: number): JsonKind {
  if (byte === QUOTE) return 'string'
  if (byte === OPEN_OBJECT) return 'object'
  if (byte === OPEN_ARRAY) return 'array'
  if (byte === 116 || byte === 102) return 'boolean'
  return byte === 110 ? 'null' : 'number'
}

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 48 && byte <= 57
const isSpace = (byte: number | undefined): boolean =>
  byte === 32 || byte === 10 || byte === 13 || byte === 9
const isHex = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 70) || (byte >= 97 && byte <= 102))
