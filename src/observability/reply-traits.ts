import type { CallTrace, TracedReply } from '../core/trace.ts'

/** A longer one would hold up the others for what only a trace tells. */
const readAtMost = 256 * 1024
const finishField = '"finish_reason"'
const finishForm = /^"finish_reason"\s*:\s*"(\w{1,64})"/
const textAtMost = 256
const reasonsAtMost = 128

/** Notes what an answer in OpenAI's form says of itself, where the call's trace is kept. `events`: a stream in one piece. */
export function seeReply(trace: CallTrace, bytes: Uint8Array, form: 'json' | 'events'): void {
  if (!trace.sampled || bytes.length > readAtMost) return
  const reply = begun(trace)
  if (form === 'events') seeEvents(reply, bufferOf(bytes))
  else seeWhole(reply, bufferOf(bytes))
}

/** The same of a stream's events, as they go by; null where there is nothing to note. */
export function watchReply(trace: CallTrace): ((bytes: Uint8Array) => void) | null {
  if (!trace.sampled) return null
  const reply = begun(trace)
  return (bytes) => seeEvents(reply, bufferOf(bytes))
}

const begun = (trace: CallTrace): TracedReply => {
  trace.reply = { id: null, model: null, finishReasons: [] }
  return trace.reply
}

function seeWhole(reply: TracedReply, bytes: Buffer): void {
  try {
    const wire = JSON.parse(bytes.toString('utf8')) as { readonly choices?: unknown } | null
    note(reply, wire)
    const choices = Array.isArray(wire?.choices) ? wire.choices : []
    for (const choice of choices) addReason(reply, (choice as Named | null)?.['finish_reason'])
  } catch {
    // What an answer must be is checked elsewhere.
  }
}

/** Every chunk names the field; only the word behind it is looked at, so that a token costs next to nothing. */
function seeEvents(reply: TracedReply, bytes: Buffer): void {
  if (reply.id === null) seeFirst(reply, bytes)
  for (let at = bytes.indexOf(finishField); at >= 0; at = bytes.indexOf(finishField, at + 1))
    addReason(reply, finishForm.exec(bytes.toString('latin1', at, at + 96))?.[1])
}

function seeFirst(reply: TracedReply, bytes: Buffer): void {
  const line = /^data:\s*(\{.*)$/m.exec(bytes.toString('utf8', 0, readAtMost))?.[1]
  if (line === undefined) return
  try {
    note(reply, JSON.parse(line))
  } catch {
    // A provider may cut an event into lines; the next one has the same words.
  }
}

type Named = Readonly<Record<string, unknown>>

function note(reply: TracedReply, wire: unknown): void {
  if (typeof wire !== 'object' || wire === null) return
  const { id, model } = wire as Named
  if (typeof id === 'string') reply.id = id.slice(0, textAtMost)
  if (typeof model === 'string') reply.model = model.slice(0, textAtMost)
}

function addReason({ finishReasons }: TracedReply, reason: unknown): void {
  if (typeof reason === 'string' && finishReasons.length < reasonsAtMost)
    finishReasons.push(reason.slice(0, 64))
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
