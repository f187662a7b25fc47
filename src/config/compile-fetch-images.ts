import { type CompileContext, timerMs } from './compile-context.ts'
import type { FetchImagesConfig } from './config.ts'
import type { RawProvider } from './schema.ts'
import type { Path } from './schema-node.ts'
import { parseSize } from './units.ts'

/** Null: links are not fetched. */
export function compileFetchImages(
  { fetch_images: raw }: RawProvider,
  path: Path,
  context: CompileContext,
): FetchImagesConfig | null {
  if (!raw) return null
  return {
    maxBytes: parseSize(raw.max_bytes),
    maxCount: raw.max_count,
    timeoutMs: timerMs(raw.timeout, [...path, 'fetch_images', 'timeout'], context),
    allowPrivateNetwork: raw.allow_private_network,
  }
}
