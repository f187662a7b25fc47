const starts: readonly (readonly [mediaType: string, at: number, bytes: string])[] = [
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/gif', 0, 'GIF87a'],
  ['image/gif', 0, 'GIF89a'],
  ['image/bmp', 0, 'BM'],
  ['image/tiff', 0, 'II*\0'],
  ['image/tiff', 0, 'MM\0*'],
  ['image/avif', 4, 'ftypavif'],
  ['image/heic', 4, 'ftypheic'],
  ['image/heic', 4, 'ftypheix'],
  ['image/heif', 4, 'ftypmif1'],
  ['application/pdf', 0, '%PDF-'],
]

/** What bytes are by how they begin; null: neither a picture of a known kind nor a PDF. Headers are often wrong. */
export function mediaTypeOf(bytes: Buffer): string | null {
  const has = (at: number, text: string): boolean =>
    bytes.toString('latin1', at, at + text.length) === text
  if (has(0, 'RIFF') && has(8, 'WEBP')) return 'image/webp'
  return starts.find(([, at, text]) => has(at, text))?.[0] ?? null
}
