import type { SeenRequest } from '../upstream-request.ts'
import { chunk, head, json, lastChunk, type Step, type Steps } from '../upstream-script.ts'
import { type Reading, speak, type Turn } from './conversation.ts'
import { Refusal } from './shapes.ts'

/** How one kind of provider reads and talks. */
export interface Voice {
  readonly streamType: string
  /** Throws a `Refusal` for what the provider would not take. */
  read(request: SeenRequest): Reading
  plain(turn: Turn, reading: Reading): object
  /** A whole stream, event by event. */
  frames(turn: Turn, reading: Reading): readonly Buffer[]
  refuse(refusal: Refusal): Step
  /** Too many requests: seven seconds, where the provider has a way of saying so. */
  limited(): Step
  overloaded(): Step
  /** A failure in the middle of a stream. */
  errorFrame(): Buffer
}

export interface ScriptedModel extends Pick<Voice, 'limited' | 'overloaded' | 'errorFrame'> {
  /** Answers by the script what it would take, and refuses everything else. */
  answer(request: SeenRequest): Steps
  /** The first half of a streamed answer: text is out, its end is not. */
  begin(request: SeenRequest): Steps
}

export function createModel(voice: Voice): ScriptedModel {
  const { limited, overloaded, errorFrame, streamType } = voice
  const streamHead = () => head(200, { 'content-type': streamType, 'transfer-encoding': 'chunked' })
  const reading = (request: SeenRequest, make: (reading: Reading) => Steps): Steps => {
    try {
      return make(voice.read(request))
    } catch (thrown) {
      if (thrown instanceof Refusal) return voice.refuse(thrown)
      throw thrown
    }
  }
  return {
    limited,
    overloaded,
    errorFrame,
    answer: (request) =>
      reading(request, (read) => {
        const turn = speak(read)
        if (!read.isStream) return json(200, voice.plain(turn, read))
        return [streamHead(), oddly(Buffer.concat(voice.frames(turn, read))), lastChunk()]
      }),
    begin: (request) =>
      reading(request, (read) => {
        const frames = voice.frames(speak(read), read)
        const half = frames.slice(0, Math.ceil(frames.length / 2))
        return [streamHead(), oddly(Buffer.concat(half))]
      }),
  }
}

const sizes = [5, 1, 90, 17, 3, 400, 2]

/** In pieces that end anywhere: within events, lines and characters. */
function oddly(bytes: Buffer): Steps {
  const steps: Step[] = []
  for (let at = 0, count = 0; at < bytes.length; count++) {
    const size = sizes[count % sizes.length] ?? 1
    steps.push(chunk(bytes.subarray(at, at + size)))
    at += size
  }
  return steps
}

/** One server-sent event. */
export const sseFrame = (data: object, name: string | null, lineEnd = '\n'): Buffer =>
  Buffer.from(
    `${name === null ? '' : `event: ${name}${lineEnd}`}data: ${JSON.stringify(data)}${lineEnd}${lineEnd}`,
  )
