import type { CallTrace } from '../core/trace.ts'
import type { JsonFields } from '../wire/json-scan.ts'
import { readField } from '../wire/json-scan.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'

const stopsAtMost = 4
const stopAtMost = 128

/** Notes what a request asks for besides its messages, where the call's trace is kept. */
export function seeRequest(
  trace: CallTrace,
  { bytes, fields, choices }: ChatLook,
  session: string | null,
): void {
  if (!trace.sampled) return
  const number = (name: string): number | null => numberIn(bytes, fields, name)
  trace.request = {
    maxTokens: number('max_completion_tokens') ?? number('max_tokens'),
    temperature: number('temperature'),
    topP: number('top_p'),
    seed: number('seed'),
    choices,
    stop: stopIn(bytes, fields),
    session,
  }
}

function numberIn(bytes: Buffer, fields: JsonFields, name: string): number | null {
  const field = fields.get(name)
  return field?.kind === 'number' ? (readField(bytes, field) as number) : null
}

function stopIn(bytes: Buffer, fields: JsonFields): readonly string[] | null {
  const field = fields.get('stop')
  if (!field || field.kind === 'null' || field.end - field.start > 4096) return null
  const stops = [readField(bytes, field)].flat()
  const texts = stops.filter((each) => typeof each === 'string')
  return texts.slice(0, stopsAtMost).map((text) => text.slice(0, stopAtMost))
}
