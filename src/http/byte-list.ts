const smallBytes = 4096
const blockBytes = 16 * 1024

/**
 * The pieces of a body, joined at its end. Small ones are gathered as they come: a body sent byte by byte would
 * otherwise weigh some hundred times its size in buffer objects.
 */
export class ByteList {
  #pieces: Buffer[] = []
  /** The last of the pieces while small ones are gathered in it. */
  #block: Buffer | null = null
  #filled = 0

  append(piece: Buffer): void {
    // The first piece is mostly the whole body, which is then never copied.
    if (this.#pieces.length === 0 || piece.length >= smallBytes) {
      this.#seal()
      this.#pieces.push(piece)
      return
    }
    if (!this.#block || this.#filled + piece.length > blockBytes) {
      this.#seal()
      this.#block = Buffer.allocUnsafe(blockBytes)
      this.#pieces.push(this.#block)
    }
    this.#filled += piece.copy(this.#block, this.#filled)
  }

  /** All of it in one buffer; the list is empty then. */
  take(): Buffer {
    this.#seal()
    const pieces = this.#pieces
    this.clear()
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
  }

  clear(): void {
    this.#pieces = []
    this.#block = null
    this.#filled = 0
  }

  #seal(): void {
    if (this.#block) this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, this.#filled)
    this.#block = null
    this.#filled = 0
  }
}
