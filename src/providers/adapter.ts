import type { ChatEvent, ChatReply, ChatRequest } from '../core/chat.ts'
import type { ProviderDialect } from '../core/dialect.ts'
import type { JsonEdit } from '../wire/json-splice.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import type { Corrections } from './corrections-of-row.ts'

export type ChatDialect = ProviderDialect<ChatRequest, ChatReply, ChatEvent>

/** What the configuration says about where a provider is. */
export interface ProviderAddress {
  readonly apiVersion: string | null
  /** The version the caller asked for: only Azure ever sees it. */
  readonly callerApiVersion: string | null
  readonly stream: boolean
  /** The settings of the key in use that say where: `region`, `project`, `location`. */
  readonly cloud: Readonly<Record<string, string>>
}

/**
 * How one kind of provider is spoken to: where, who, how, and where it deviates. No I/O and no state: it describes a
 * request and never opens a socket. An operation that is absent is not supported.
 */
export interface ProviderAdapter {
  readonly type: string
  /** Null: `base_url` must be given. */
  readonly defaultBaseUrl: string | null
  /** Environment names of its key; the first that is set wins. */
  readonly envKeys: readonly string[]
  readonly envBaseUrl?: string
  readonly needsKey: boolean
  /** The headers that carry the credential. */
  authorize(credential: string): Readonly<Record<string, string>>
  readonly chat: ChatOperation
  /** Names for the models list where a provider's models are known without asking it. */
  readonly models?: readonly string[]
}

export interface ChatOperation {
  /** Behind the base URL's own path. */
  path(model: string, address: ProviderAddress): string
  /**
   * How it talks, where that is not OpenAI's format. By model, since one provider may serve several families. What is
   * said below about edits and corrections is then of no concern.
   */
  dialect?(model: string): ChatDialect
  /** It takes pictures as bytes alone: those that only a link is given of are fetched, where that is configured. */
  imagesAsBytes?(model: string): boolean
  /** Headers of every request, besides the credential. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Whether a stream tells its usage: only when asked, by itself, or not at all. `ask` puts `stream_options` into
   * the request where the caller did not.
   */
  readonly streamUsage: 'ask' | 'always' | 'never'
  /** What must change in a request besides the model's name, each with its reason where it is defined. */
  edits?(look: ChatLook): readonly JsonEdit[]
  /** How its answers become OpenAI's where they deviate. Absent: they pass byte for byte. */
  readonly corrections?: Corrections
  /** Token counts whose meaning is not OpenAI's, corrected for metering only. */
  readonly countsReasoningApart?: boolean
}
