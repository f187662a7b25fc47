import { parentPort } from 'node:worker_threads'
import type { EncodedRequest } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Translation } from '../gateway/translator.ts'
import { providerTypes } from '../providers/registry.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'

// The thread that large requests are translated in. It holds nothing between two of them.

export interface Question extends Translation {
  readonly id: number
}

export type Reply =
  | { readonly id: number; readonly encoded: EncodedRequest }
  | {
      readonly id: number
      readonly failure: Pick<GatewayError, 'code' | 'message' | 'facts'>
    }

parentPort?.on('message', (question: Question) => {
  const reply = answer(question)
  // The bytes are handed over instead of copied.
  const bytes = 'encoded' in reply ? [reply.encoded.body.buffer as ArrayBuffer] : []
  parentPort?.postMessage(reply, bytes)
})

function answer({ id, type, body, options }: Question): Reply {
  try {
    const dialect = providerTypes.get(type)?.chat.dialect?.(options.model)
    if (!dialect) throw new Error(`There is nothing to translate to for ${type}`)
    const encoded = dialect.encodeRequest(openaiChat.request.decode(body), options)
    // Bytes of a pool that others share cannot be handed over.
    return { id, encoded: { ...encoded, body: Uint8Array.from(encoded.body) } }
  } catch (thrown) {
    const { code, message, facts } = GatewayError.from(thrown)
    const { cause: _, ...plain } = facts
    return { id, failure: { code, message, facts: plain } }
  }
}
