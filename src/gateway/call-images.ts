import type { Call } from '../core/call.ts'
import type { ChatRequest } from '../core/chat.ts'
import type { FetchedImages } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { fetchImages } from '../transport/fetch-images.ts'
import { imageLinksOf } from '../transport/fetch-images-links.ts'
import type { Provider } from './snapshot.ts'

/** The memory that bodies of all calls share. */
export interface Memory {
  /** Throws `overloaded` where it is full. */
  take(bytes: number): void
  give(bytes: number): void
}

export const noImages: FetchedImages = new Map()

interface Fetched {
  readonly images: Promise<FetchedImages>
  letGo(): void
}

/** Once per call, whoever is asked first with bytes. */
const fetched = new WeakMap<Call, Fetched>()

/**
 * The pictures that a provider wants as bytes and the caller gave links of, where fetching is allowed. They are held
 * until the call is settled. `read` is only asked then. Rejects with what is wrong with a link, before anything was sent.
 */
export function imagesFor(
  call: Call,
  read: () => ChatRequest,
  { config }: Provider,
  { clock, memory }: { readonly clock: Clock; readonly memory: Memory },
  signal: AbortSignal,
): FetchedImages | Promise<FetchedImages> {
  if (!config.fetchImages) return noImages
  const known = fetched.get(call)
  if (known) return known.images
  const links = imageLinksOf(read())
  if (links.length === 0) return noImages
  let heldBytes = 0
  let isOver = false
  const take = (bytes: number): void => {
    // What still comes while the fetching ends is kept by nobody, and would be given back by nobody.
    if (isOver) return
    reserve(memory, bytes)
    heldBytes += bytes
  }
  const letGo = (): void => {
    isOver = true
    memory.give(heldBytes)
    heldBytes = 0
  }
  const images = fetchImages(links, config.fetchImages, { clock, take }, signal)
  fetched.set(call, { images, letGo })
  return images
}

/** Once the call is over. */
export function letGoOfImages(call: Call): void {
  fetched.get(call)?.letGo()
}

/** Where there is no room the caller's connection is not at fault. */
function reserve(memory: Memory, bytes: number): void {
  try {
    memory.take(bytes)
  } catch (thrown) {
    throw new GatewayError('overloaded', GatewayError.from(thrown).message, { dispatched: false })
  }
}
