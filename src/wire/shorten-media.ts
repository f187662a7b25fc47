const quote = 0x22
const backslash = 0x5c
const padding = 0x3d
/** A word of so many letters without a space is no text that people wrote. */
const longWord = 2048

/**
 * A JSON text with media in it, pictures and sound in base64, as a text that can be kept and read: each becomes a note of
 * its type and size. Stops once there is more than `mostBytes` of the rest. What is no JSON is kept as it is.
 */
export function shortenMedia(
  json: Buffer,
  mostBytes: number,
): { readonly text: string; readonly isWhole: boolean } {
  const parts: string[] = []
  let [kept, from] = [0, 0]
  for (let at = json.indexOf(quote); at !== -1 && kept + at - from <= mostBytes; ) {
    const end = endOfString(json, at + 1)
    const note = end - at > longWord ? noteOf(json, at + 1, end) : null
    if (note !== null) {
      parts.push(json.toString('utf8', from, at + 1), note)
      kept += at + 1 - from + note.length
      from = end
    }
    at = json.indexOf(quote, end + 1)
  }
  const rest = json.subarray(from, from + Math.max(0, mostBytes - kept))
  parts.push(rest.toString('utf8'))
  return { text: parts.join(''), isWhole: from + rest.length === json.length }
}

/** The place of the quote that ends a string, or the end where there is none. */
function endOfString(json: Buffer, start: number): number {
  for (let at = start; ; at++) {
    at = json.indexOf(quote, at)
    if (at === -1) return json.length
    let slashes = 0
    while (json[at - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
}

/** Null: it is not base64. */
function noteOf(json: Buffer, start: number, end: number): string | null {
  const head = json.toString('latin1', start, Math.min(end, start + 128))
  const type = /^data:([a-z]+\/[a-z0-9.+-]+)[^,]*;base64,/i.exec(head)
  const data = start + (type?.[0].length ?? 0)
  // Letters alone for so long: in a text, spaces and marks would be among them.
  const sample = json.toString('latin1', data, Math.min(end, data + longWord / 2))
  if (!/^[A-Za-z0-9+/_=-]+$/.test(sample)) return null
  let last = end
  while (json[last - 1] === padding) last--
  const bytes = Math.floor(((last - data) * 3) / 4)
  return `[${type?.[1] ?? 'base64'}, ${bytes} bytes]`
}
