import type { JsonField } from '../json-scan.ts'
import type { ChatLook, PromptSize } from './look.ts'

const counted = ['messages', 'tools', 'functions', 'response_format'] as const
const base64Mark = Buffer.from('base64,')
const linkMark = Buffer.from('"image_url"')
const soundMark = Buffer.from('"input_audio"')
const typeMark = Buffer.from('"type"')
const roleMark = Buffer.from('"role"')
const dataMark = Buffer.from('"data"')
const QUOTE = 34

/** Found by looking for marks, not by reading: a request of many megabytes costs a fraction of a millisecond. */
export function promptSizeOf(look: ChatLook): PromptSize {
  look.promptSize ??= measure(look)
  return look.promptSize
}

function measure({ bytes, fields }: ChatLook): PromptSize {
  let [textBytes, fileBytes, imageData] = [0, 0, 0]
  for (const name of counted) {
    const field = fields.get(name)
    if (field) textBytes += field.end - field.start
  }
  const messages = fields.get('messages')
  if (!messages) return { textBytes, messages: 0, images: 0, fileBytes }
  // Whatever is no plain text is a part, which names its type; a quotation of one has a backslash before its quote.
  if (!has(typeMark, bytes, messages))
    return { textBytes, messages: placesOf(roleMark, bytes, messages).length, images: 0, fileBytes }
  for (const at of placesOf(base64Mark, bytes, messages)) {
    const length = stringEnd(bytes, at, messages) - at
    textBytes -= length
    // `data:image/png;base64,` tells before the data what it is.
    if (bytes.toString('latin1', Math.max(0, at - 48), at).includes('data:image/')) imageData++
    else fileBytes += length
  }
  for (const at of placesOf(soundMark, bytes, messages)) {
    const data = bytes.indexOf(dataMark, at)
    const from = data < 0 ? -1 : bytes.indexOf(QUOTE, data + dataMark.length)
    if (from < 0 || from >= messages.end) continue
    const length = stringEnd(bytes, from + 1, messages) - from
    textBytes -= length
    fileBytes += length
  }
  // As many parts as there are links and data; the word stands twice in each part, as its type and as its name.
  const links = Math.ceil(placesOf(linkMark, bytes, messages).length / 2)
  return {
    textBytes: Math.max(0, textBytes),
    messages: placesOf(roleMark, bytes, messages).length,
    images: Math.max(links, imageData),
    fileBytes,
  }
}

function has(mark: Buffer, bytes: Buffer, { start, end }: JsonField): boolean {
  const at = bytes.indexOf(mark, start)
  return at >= 0 && at < end
}

function placesOf(mark: Buffer, bytes: Buffer, { start, end }: JsonField): readonly number[] {
  const places: number[] = []
  for (let at = bytes.indexOf(mark, start); at >= 0 && at < end; at = bytes.indexOf(mark, at + 1))
    places.push(at + mark.length)
  return places
}

function stringEnd(bytes: Buffer, from: number, { end }: JsonField): number {
  const quote = bytes.indexOf(QUOTE, from)
  return quote < 0 ? end : Math.min(quote, end)
}

const imageTokens = { usual: 1000, most: 2000 }

/** A fair guess of the input's tokens, for what was used and not told. */
export function usualTokens({ textBytes, images, fileBytes }: PromptSize): number {
  return Math.ceil(textBytes / 4) + images * imageTokens.usual + Math.ceil(fileBytes / 16)
}

/** The same of a request that may not have been read yet. */
export const usualTokensOf = (look: ChatLook | null): number =>
  look ? usualTokens(promptSizeOf(look)) : 0

/** A guess on the high side, for what is held until the truth is known. */
export function mostTokens({ textBytes, messages, images, fileBytes }: PromptSize): number {
  return (
    Math.ceil(textBytes / 2) +
    16 * (messages + 1) +
    images * imageTokens.most +
    Math.ceil(fileBytes / 8)
  )
}
