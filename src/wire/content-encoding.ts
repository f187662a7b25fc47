import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'

const creators = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
} as const

export type ContentDecoder = ReturnType<(typeof creators)[keyof typeof creators]>

/** The one encoding that a `content-encoding` names, in lower case; null where nothing is encoded. */
export function encodingOf(header: string | readonly string[] | undefined): string | null {
  if (header === undefined) return null
  const name = String(header).trim().toLowerCase()
  return name === '' || name === 'identity' ? null : name
}

/** Null for an unknown encoding, and for several at once: a chain of them is an attack. */
export function createContentDecoder(encoding: string): ContentDecoder | null {
  return Object.hasOwn(creators, encoding) ? creators[encoding as keyof typeof creators]() : null
}

export const isKnownEncoding = (encoding: string): boolean => Object.hasOwn(creators, encoding)
