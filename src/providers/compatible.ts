import type { JsonEdit } from '../wire/json-splice.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import type { ChatOperation, ProviderAdapter } from './adapter.ts'
import { mistralEdits, olderRoles, olderTokenLimit } from './compatible-requests.ts'
import { joinContentLists, nameReasoning, renameFinish } from './corrections.ts'
import { correct } from './corrections-of-row.ts'
import { citeSources, oneForm } from './corrections-perplexity.ts'
import { bearer, openaiChatOperation } from './openai.ts'

interface Row extends Partial<ChatOperation> {
  readonly type: string
  readonly baseUrl: string | null
  readonly env?: readonly string[]
  readonly envBaseUrl?: string
  /** Runs on the user's own machine: no key, and no price. */
  readonly local?: true
}

// Whose reasoning is not called `reasoning_content`, or whose role comes in every chunk.
const reasoning = correct([nameReasoning], { everyChunk: true })
// What deviates is the usage beside the finish, at most.
const usageBesideFinish = correct([], { everyChunk: false })

/** A vendor that speaks OpenAI is one row: where it is, whose key it takes, and where it deviates. */
const rows: readonly Row[] = [
  { type: 'openai-compatible', baseUrl: null },
  {
    type: 'groq',
    baseUrl: 'https://api.groq.com/openai/v1',
    env: ['GROQ_API_KEY'],
    // Usage comes in `x_groq` of the last chunk as well; the meter knows it there.
    corrections: reasoning,
  },
  {
    type: 'mistral',
    baseUrl: 'https://api.mistral.ai/v1',
    env: ['MISTRAL_API_KEY'],
    // Usage stands on the finish chunk unasked, and an unknown field is a 422.
    streamUsage: 'always',
    edits: mistralEdits,
    // Reasoning models answer with a list of parts, which OpenAI's clients cannot show.
    corrections: correct([joinContentLists, renameFinish({ model_length: 'length' })], {
      everyChunk: true,
    }),
  },
  {
    type: 'deepseek',
    baseUrl: 'https://api.deepseek.com/v1',
    env: ['DEEPSEEK_API_KEY'],
    edits: olderWords,
    corrections: usageBesideFinish,
  },
  {
    type: 'xai',
    baseUrl: 'https://api.x.ai/v1',
    env: ['XAI_API_KEY'],
    // Its reasoning tokens are not part of the completion's.
    countsReasoningApart: true,
    // There is no finish reason at all until the end.
    corrections: correct([], { everyChunk: true }),
  },
  {
    type: 'openrouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    env: ['OPENROUTER_API_KEY'],
    // The usage repeats the finish.
    corrections: reasoning,
  },
  {
    type: 'together',
    baseUrl: 'https://api.together.xyz/v1',
    env: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY'],
    corrections: correct([renameFinish({ eos: 'stop' })], { everyChunk: false }),
  },
  {
    type: 'fireworks',
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    env: ['FIREWORKS_API_KEY'],
    corrections: usageBesideFinish,
  },
  {
    type: 'perplexity',
    // At its root, without /v1; no [DONE] follows.
    baseUrl: 'https://api.perplexity.ai',
    env: ['PERPLEXITY_API_KEY'],
    // Every chunk carries the usage so far.
    streamUsage: 'always',
    edits: olderWords,
    corrections: correct([citeSources, oneForm], { everyChunk: true }),
  },
  {
    type: 'cerebras',
    baseUrl: 'https://api.cerebras.ai/v1',
    env: ['CEREBRAS_API_KEY'],
    corrections: reasoning,
  },
  {
    type: 'ollama',
    baseUrl: 'http://127.0.0.1:11434/v1',
    local: true,
    edits: olderWords,
    corrections: reasoning,
  },
  { type: 'vllm', baseUrl: 'http://127.0.0.1:8000/v1', local: true, corrections: reasoning },
  { type: 'lmstudio', baseUrl: 'http://127.0.0.1:1234/v1', local: true, corrections: reasoning },
]

export const compatible: readonly ProviderAdapter[] = rows.map(
  ({ type, baseUrl, env, envBaseUrl, local, ...chat }) => ({
    type,
    defaultBaseUrl: baseUrl,
    envKeys: env ?? [],
    ...(envBaseUrl && { envBaseUrl }),
    needsKey: !local && type !== 'openai-compatible',
    authorize: bearer,
    chat: { ...openaiChatOperation, ...chat },
  }),
)

function olderWords(look: ChatLook): readonly JsonEdit[] {
  return [...olderTokenLimit(look), ...olderRoles(look)]
}
