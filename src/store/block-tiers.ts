import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { BlockRef, NewBlock } from './block-store.ts'
import { callIn, decodeBlock, type EncodedBlock } from './request-log-block.ts'
import { BatchBuilder } from './request-log-builder.ts'

/** A block with fewer calls is put together with others, since each costs those who read about as much as 500 calls. */
export const smallBlock = 512
const fanIn = 16

/** Small blocks by their place and size: where there are enough of a kind, they are one from then on. */
export class BlockTiers {
  readonly #tiers = new Map<string, BlockRef[]>()

  /** Those that are due to be put together; null: none are. */
  add(ref: BlockRef): readonly BlockRef[] | null {
    if (ref.calls >= smallBlock) return null
    const name = `${ref.place} ${Math.floor(Math.log(ref.calls) / Math.log(fanIn))}`
    const tier = this.#tiers.get(name) ?? []
    tier.push(ref)
    if (tier.length < fanIn) {
      this.#tiers.set(name, tier)
      return null
    }
    this.#tiers.delete(name)
    return tier
  }

  /** A place that is no more. */
  forget(place: string): void {
    for (const name of this.#tiers.keys())
      if (name.startsWith(`${place} `)) this.#tiers.delete(name)
  }
}

export interface BlockParts {
  readonly columns: Uint8Array
  readonly details: Uint8Array
}

/** Several blocks of one day as one, in the order of their calls' ids. */
export function mergeBlocks(parts: readonly BlockParts[]): NewBlock | null {
  const builder = new BatchBuilder()
  for (const { columns, details } of parts) {
    const block = decodeBlock(columns)
    const texts = unpackTexts(details)
    for (let row = 0; row < block.calls; row++)
      builder.add(callIn(block, row), texts[block.columns.line[row] ?? 0] ?? '')
  }
  const [merged] = builder.take()
  return merged ? packed(merged) : null
}

export const packed = ({ texts, ...block }: EncodedBlock): NewBlock => ({
  ...block,
  details: pack(texts),
})

const quickly = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export const pack = (text: string | Uint8Array): Uint8Array => zstdCompressSync(text, quickly)
export const unpack = (bytes: Uint8Array): string => zstdDecompressSync(bytes).toString('utf8')
export const unpackTexts = (details: Uint8Array): readonly string[] => unpack(details).split('\n')
