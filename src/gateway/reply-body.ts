import type { Usage } from '../core/chat.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatOperation } from '../providers/adapter.ts'
import { readField, replyRules, scanJson } from '../wire/json-scan.ts'
import { eventsToReply, replyToEvents } from '../wire/openai-chat/convert.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import { decodeInnerError } from '../wire/openai-chat/error.ts'
import { isObject, type JsonObject, parseJson } from '../wire/openai-chat/json.ts'
import { decodeUsage } from '../wire/openai-chat/usage.ts'

export interface ReplyBody {
  readonly body: Buffer
  readonly usage: Usage | null
}

/** A plain answer to a plain call. Throws where it is no completion, whatever its status said. */
export function readReplyBody(body: Buffer, corrections: ChatOperation['corrections']): ReplyBody {
  // Some providers stream whether asked or not.
  const whole = beginsObject(body) ? body : gatherStream(body)
  const { usage } = checkReply(whole)
  const better = corrections?.reply(parseJson(whole.toString('utf8')) as JsonObject)
  return { body: better ? Buffer.from(JSON.stringify(better)) : whole, usage }
}

/** One object in answer to a call for a stream, as the stream it amounts to. */
export function streamOfReply(
  body: Buffer,
  includeUsage: boolean,
): { readonly bytes: Buffer; readonly usage: Usage | null } {
  const { usage } = checkReply(body)
  const events = replyToEvents(openaiChat.reply.decode(body))
  const encoder = openaiChat.events.encoder()
  const shown = includeUsage ? events : events.filter(({ type }) => type !== 'usage')
  return { bytes: Buffer.from(encoder.push(shown) + encoder.end()), usage }
}

function checkReply(body: Buffer): { readonly usage: Usage | null } {
  const fields = scanReply(body)
  const error = fields.get('error')
  if (error && error.kind !== 'null') {
    const wire = parseJson(body.toString('utf8'))
    throw decodeInnerError(isObject(wire) ? wire : {})
  }
  if (fields.get('choices')?.kind !== 'array')
    throw new GatewayError('upstream_invalid_response', 'it replied without any choices', {
      dispatched: true,
    })
  const usage = fields.get('usage')
  return { usage: usage ? decodeUsage(readField(body, usage)) : null }
}

function scanReply(body: Buffer): ReturnType<typeof scanJson> {
  try {
    return scanJson(body, replyRules)
  } catch (cause) {
    throw new GatewayError('upstream_invalid_response', 'its reply is not complete, valid JSON', {
      cause,
      dispatched: true,
    })
  }
}

function beginsObject(body: Buffer): boolean {
  for (const byte of body)
    if (byte > 32 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf)
      return byte !== 0x64 && byte !== 0x3a && byte !== 0x65 // data: : event:
  return true
}

function gatherStream(body: Buffer): Buffer {
  const decoder = openaiChat.events.decoder()
  const reply = eventsToReply([...decoder.push(body), ...decoder.end()])
  return Buffer.from(openaiChat.reply.encode(reply))
}
