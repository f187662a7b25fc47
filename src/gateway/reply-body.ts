import { isUtf8 } from 'node:buffer'
import type { Usage } from '../core/chat.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatOperation } from '../providers/adapter.ts'
import { isObject, type JsonObject, parseJson } from '../wire/json.ts'
import { readField, replyRules, scanJson } from '../wire/json-scan.ts'
import { eventsToReply, replyToEvents } from '../wire/openai-chat/convert.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import { decodeInnerError } from '../wire/openai-chat/error.ts'
import { decodeUsage } from '../wire/openai-chat/usage.ts'

export interface ReplyBody {
  readonly body: Buffer
  readonly usage: Usage | null
}

/** A plain answer to a plain call. Throws where it is no completion, whatever its status said. */
export function readReplyBody(body: Buffer, corrections: ChatOperation['corrections']): ReplyBody {
  // Some providers stream whether asked or not.
  const whole = beginsStream(body) ? gatherStream(body) : withoutMark(body)
  const { usage } = checkReply(whole)
  const better = corrections?.reply(parseJson(whole.toString('utf8')) as JsonObject)
  return { body: better ? Buffer.from(JSON.stringify(better)) : whole, usage }
}

/** One object in answer to a call for a stream, as the stream it amounts to. */
export function streamOfReply(
  body: Buffer,
  corrections: ChatOperation['corrections'],
  includeUsage: boolean,
): { readonly bytes: Buffer; readonly usage: Usage | null } {
  const { body: whole, usage } = readReplyBody(body, corrections)
  const events = replyToEvents(openaiChat.reply.decode(whole))
  const encoder = openaiChat.events.encoder()
  const shown = includeUsage ? events : events.filter(({ type }) => type !== 'usage')
  return { bytes: Buffer.from(encoder.push(shown) + encoder.end()), usage }
}

function checkReply(body: Buffer): { readonly usage: Usage | null } {
  const { error, choices, usage } = body.length <= parsedBytes ? parseReply(body) : scanReply(body)
  if (error !== undefined && error !== null) throw decodeInnerError({ error })
  if (choices !== 'array')
    throw new GatewayError('upstream_invalid_response', 'it replied without any choices', {
      dispatched: true,
    })
  return { usage: decodeUsage(usage) }
}

interface ReplyParts {
  readonly error: unknown
  readonly choices: string | undefined
  readonly usage: unknown
}

/** Parsing is quicker up to here, and holds up the others beyond it. */
const parsedBytes = 256 * 1024

function parseReply(body: Buffer): ReplyParts {
  // Reading it as text would repair what is sent on as it is.
  if (!isUtf8(body)) throw broken()
  const wire = parseJson(body.toString('utf8'))
  if (!isObject(wire)) throw broken()
  const { error, choices, usage } = wire
  return { error, choices: Array.isArray(choices) ? 'array' : typeof choices, usage }
}

function scanReply(body: Buffer): ReplyParts {
  try {
    const fields = scanJson(body, replyRules)
    const read = (name: string): unknown => {
      const field = fields.get(name)
      return field && readField(body, field)
    }
    return { error: read('error'), choices: fields.get('choices')?.kind, usage: read('usage') }
  } catch (cause) {
    throw broken(cause)
  }
}

const broken = (cause?: unknown): GatewayError =>
  new GatewayError('upstream_invalid_response', 'its reply is not complete, valid JSON', {
    cause,
    dispatched: true,
  })

/** A byte order mark would make the caller's JSON parser fail. */
const withoutMark = (body: Buffer): Buffer =>
  body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body

const beginsStream = (body: Buffer): boolean =>
  body[0] !== 0x7b && /^\ufeff?\s*(data|event|id|retry)?:/.test(body.toString('utf8', 0, 64))

function gatherStream(body: Buffer): Buffer {
  const decoder = openaiChat.events.decoder()
  const reply = eventsToReply([...decoder.push(body), ...decoder.end()])
  return Buffer.from(openaiChat.reply.encode(reply))
}
