import type { Redactor } from '../core/redactor.ts'
import { eventsToReply } from '../wire/openai-chat/convert.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import { shortenMedia } from '../wire/shorten-media.ts'
import type { RawBody } from './request-log.ts'

/** What is kept beyond the bound until secrets are taken out, so that none is cut in two. */
const marginBytes = 4096

/** A body as it is kept: a stream gathered into the reply it amounts to, without media and secrets, cut where it is too long. */
export function keepableBody(
  { bytes, form, sizeBytes }: RawBody,
  maxBytes: number,
  redact: Redactor,
): { readonly text: string; readonly truncated: boolean } {
  const own = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const isWhole = bytes.length >= sizeBytes
  const gathered = form === 'events' ? gather(own) : own
  const short = shortenMedia(gathered, maxBytes + marginBytes)
  const text = redact(short.text)
  const fits = Buffer.byteLength(text) <= maxBytes
  return {
    text: fits ? text : cut(text, maxBytes),
    truncated: !fits || !isWhole || !short.isWhole,
  }
}

/** A stream that broke off, or of which only the beginning was kept, as far as it goes. */
function gather(stream: Buffer): Buffer {
  try {
    const decoder = openaiChat.events.decoder()
    const events = [...decoder.push(stream), ...decoder.end()]
    const reply = eventsToReply(events.filter(({ type }) => type !== 'error'))
    return Buffer.from(openaiChat.reply.encode(reply))
  } catch {
    return stream // Nothing that could be gathered: it is kept as it was sent.
  }
}

/** Not in the middle of a character. */
const cut = (text: string, bytes: number): string =>
  Buffer.from(text)
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
