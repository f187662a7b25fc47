// The neutral words of a chat completion: what every dialect is translated from and to. Camel case here; the wire's
// spelling never leaves `wire/`. Arguments and schemas stay JSON text or opaque values: re-reading them loses order.

export interface ChatRequest {
  /** Null only where the address names the model (Azure). */
  readonly model: string | null
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly maxTokens?: TokenLimit
  readonly temperature?: number
  readonly topP?: number
  readonly stop?: readonly string[]
  readonly choices?: number
  readonly seed?: number
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  readonly responseFormat?: unknown
  readonly reasoningEffort?: string
  /** Every field without a word of its own, as the caller sent it and in that order. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** The caller's spelling is kept: providers know one, the other or both. */
export interface TokenLimit {
  readonly tokens: number
  readonly spelling: 'max_tokens' | 'max_completion_tokens'
}

export interface ChatMessage {
  readonly role: string
  /** Null where the message is only tool calls or a refusal. */
  readonly content: string | readonly ContentPart[] | null
  readonly toolCalls?: readonly ToolCall[]
  /** Which call a tool's message answers. */
  readonly toolCallId?: string
  readonly extra: Readonly<Record<string, unknown>>
}

export type ContentPart =
  | {
      readonly type: 'text'
      readonly text: string
      readonly extra: Readonly<Record<string, unknown>>
    }
  /** Images, audio, files and whatever comes next, as the caller sent them. */
  | { readonly type: 'other'; readonly part: Readonly<Record<string, unknown>> }

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON text, as the model wrote it: it need not be valid. */
  readonly arguments: string
  readonly kind: 'function' | 'custom'
  /** What a provider wants back with the call in the next turn, such as a signature of the thought behind it. */
  readonly extra?: Readonly<Record<string, unknown>>
}

export interface Tool {
  readonly kind: string
  /** The whole tool, opaque: the order of a schema's keys decides whether a provider's prompt cache hits. */
  readonly definition: Readonly<Record<string, unknown>>
}

export type ToolChoice =
  | { readonly mode: 'auto' | 'none' | 'required' }
  | { readonly mode: 'named'; readonly name: string; readonly kind: 'function' | 'custom' }
  | { readonly mode: 'other'; readonly choice: unknown }

/** Token counts in OpenAI's meaning: cached tokens are part of the input, reasoning tokens part of the output. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  /** Part of the input that was written into a cache, where that has a price of its own. */
  readonly cacheWriteTokens?: number
  readonly audioInputTokens?: number
  readonly audioOutputTokens?: number
  /** True where the provider gave no count and the gateway had to guess. */
  readonly estimated: boolean
}

export interface ChatReply {
  readonly id: string
  /** Epoch seconds. */
  readonly createdAt: number
  readonly model: string
  readonly choices: readonly ReplyChoice[]
  readonly usage?: Usage
  readonly extra: Readonly<Record<string, unknown>>
}

export interface ReplyChoice {
  readonly index: number
  readonly content: string | null
  readonly refusal?: string
  readonly reasoning?: string
  readonly toolCalls?: readonly ToolCall[]
  readonly finishReason: string
  /** Further members of the message (audio, annotations), as the provider sent them. */
  readonly extra: Readonly<Record<string, unknown>>
  readonly logprobs?: unknown
}

/** What a stream says, in order. A broken stream is an event too, so that what came before it keeps its place. */
export type ChatEvent =
  | {
      readonly type: 'start'
      readonly id: string
      readonly createdAt: number
      readonly model: string
    }
  | { readonly type: 'role'; readonly choice: number; readonly role: string }
  | {
      readonly type: 'text-delta'
      readonly choice: number
      readonly text: string
      readonly logprobs?: unknown
    }
  | { readonly type: 'refusal-delta'; readonly choice: number; readonly text: string }
  | { readonly type: 'reasoning-delta'; readonly choice: number; readonly text: string }
  | {
      readonly type: 'tool-call-start'
      readonly choice: number
      /** Counts the tool calls of this choice, from 0. */
      readonly call: number
      readonly id: string
      readonly name: string
      readonly kind: 'function' | 'custom'
      /** As of a `ToolCall`. */
      readonly extra?: Readonly<Record<string, unknown>>
    }
  | {
      readonly type: 'tool-call-delta'
      readonly choice: number
      readonly call: number
      readonly arguments: string
    }
  /** Members of a delta without a word of their own (audio, annotations). */
  | {
      readonly type: 'other-delta'
      readonly choice: number
      readonly delta: Readonly<Record<string, unknown>>
    }
  | { readonly type: 'finish'; readonly choice: number; readonly reason: string }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'error'; readonly error: import('./errors.ts').GatewayError }
