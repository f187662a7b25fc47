import type { ToolCall } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { Thought } from '../translate/conversation.ts'
import type { Omissions } from '../translate/omissions.ts'

/** Marks the entries of `reasoning_details` that are Gemini's. */
export const reasoningFormat = 'google-gemini-v1'

/** What a thought was signed with goes back to where it came from. */
export interface Signatures {
  /** Parts that are thoughts, with their signatures. */
  readonly thoughts: readonly JsonObject[]
  /** Of what the model said, in order. */
  readonly ofText: readonly string[]
  /** By the ids of the calls, for clients that keep them there. */
  readonly ofCalls: ReadonlyMap<string, string>
}

export function readSignatures(given: readonly Thought[], omissions: Omissions): Signatures {
  const thoughts: JsonObject[] = []
  const ofText: string[] = []
  const ofCalls = new Map<string, string>()
  for (const { detail, at } of given) {
    const { type, format, text, signature, data, id } = detail
    if (format !== reasoningFormat) omissions.drop(at)
    else if (type === 'reasoning.text' && typeof signature === 'string')
      thoughts.push({ text: String(text ?? ''), thought: true, thoughtSignature: signature })
    else if (type === 'reasoning.encrypted' && typeof data === 'string') {
      if (typeof id === 'string') ofCalls.set(id, data)
      else ofText.push(data)
    }
  }
  return { thoughts, ofText, ofCalls }
}

/** In Google's own OpenAI form. */
export function signatureOf({ extra }: ToolCall): string | null {
  const content = extra?.['extra_content']
  const google = isObject(content) ? content['google'] : undefined
  const signature = isObject(google) ? google['thought_signature'] : undefined
  return typeof signature === 'string' ? signature : null
}

export const signedCall = (signature: string): JsonObject => ({
  extra_content: { google: { thought_signature: signature } },
})
