import type { BodyPart, Loss } from './request-log.ts'

/** A block as it is found again. */
export interface BlockRef {
  readonly id: string
  /** Where it lies, in the words of the store; blocks of one place are of one day. */
  readonly place: string
  /** Epoch ms. */
  readonly day: number
  readonly calls: number
  readonly first: number
  readonly last: number
}

export interface NewBlock extends Omit<BlockRef, 'place' | 'id'> {
  readonly columns: Uint8Array
  readonly details: Uint8Array
}

export interface StoredBody {
  readonly call: string
  readonly day: number
  readonly part: BodyPart
  readonly bytes: Uint8Array
  readonly sizeBytes: number
  readonly truncated: boolean
}

export interface NewBatch {
  readonly id: string
  readonly blocks: readonly NewBlock[]
  readonly bodies: readonly StoredBody[]
  readonly loss: Loss | null
}

/** A part of what is kept that can only be let go of as a whole. */
export interface StoredDay {
  readonly place: string
  readonly kind: 'calls' | 'content'
  readonly day: number
  readonly bytes: number
  /** Whether it may still be written to. */
  readonly isOpen: boolean
}

/** What is asked while one question is answered: nothing of it goes away meanwhile. */
export interface BlockReader {
  /** Those with calls in the range, in any order. */
  blocks(from: number, to: number): readonly BlockRef[] | Promise<readonly BlockRef[]>
  /** Null: it is not readable any more. */
  columns(ref: BlockRef): Uint8Array | null | Promise<Uint8Array | null>
  details(ref: BlockRef): Uint8Array | null | Promise<Uint8Array | null>
  bodies(call: string, day: number): readonly StoredBody[] | Promise<readonly StoredBody[]>
  losses(from: number, to: number): readonly Loss[] | Promise<readonly Loss[]>
}

/** Where blocks of calls are kept, by days. Rejects with whatever went wrong. */
export interface BlockStore {
  /** How large a part may grow before the next one begins. */
  partBytes: number
  /** All or nothing; a batch that is there already is left as it is. Answers the blocks that were added. */
  insert(batch: NewBatch): Promise<readonly BlockRef[]>
  /** Puts one block in the place of several, which are of one place. Null: they are not all there any more. */
  replace(refs: readonly BlockRef[], block: NewBlock): Promise<BlockRef | null>
  read<Result>(ask: (reader: BlockReader) => Promise<Result>): Promise<Result>
  /** Small blocks that this process, or one before it, has left. */
  left(smallerThan: number): Promise<readonly BlockRef[]>
  days(): Promise<readonly StoredDay[]>
  drop(day: StoredDay): Promise<void>
  close(): Promise<void>
}
