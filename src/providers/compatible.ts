import { isObject, type JsonObject } from '../wire/json.ts'
import { readField } from '../wire/json-scan.ts'
import type { JsonEdit } from '../wire/json-splice.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import type { ChatOperation, ProviderAdapter } from './adapter.ts'
import { joinContentLists, rewriteChoices } from './corrections.ts'
import { bearer, openaiChatOperation } from './openai.ts'

interface Row extends Partial<ChatOperation> {
  readonly type: string
  readonly baseUrl: string | null
  readonly env?: readonly string[]
  readonly envBaseUrl?: string
  /** Runs on the user's own machine: no key, and no price. */
  readonly local?: true
}

/** A vendor that speaks OpenAI is one row: where it is, whose key it takes, and where it deviates. */
const rows: readonly Row[] = [
  { type: 'openai-compatible', baseUrl: null },
  // Usage comes in `x_groq` of the last chunk as well; the meter knows it there.
  { type: 'groq', baseUrl: 'https://api.groq.com/openai/v1', env: ['GROQ_API_KEY'] },
  {
    type: 'mistral',
    baseUrl: 'https://api.mistral.ai/v1',
    env: ['MISTRAL_API_KEY'],
    // Usage stands on the finish chunk unasked, and an unknown field is a 422.
    streamUsage: 'always',
    edits: mistralEdits,
    // Reasoning models answer with a list of parts, which OpenAI's clients cannot show.
    corrections: { chunk: joinContentLists, reply: joinContentLists },
  },
  { type: 'deepseek', baseUrl: 'https://api.deepseek.com/v1', env: ['DEEPSEEK_API_KEY'] },
  // Its reasoning tokens are not part of the completion's.
  { type: 'xai', baseUrl: 'https://api.x.ai/v1', env: ['XAI_API_KEY'], countsReasoningApart: true },
  { type: 'openrouter', baseUrl: 'https://openrouter.ai/api/v1', env: ['OPENROUTER_API_KEY'] },
  {
    type: 'together',
    baseUrl: 'https://api.together.xyz/v1',
    env: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY'],
    // A finish reason that no client of OpenAI knows.
    corrections: { chunk: eosIsStop, reply: eosIsStop },
  },
  {
    type: 'fireworks',
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    env: ['FIREWORKS_API_KEY'],
  },
  // At its root, without /v1; every chunk carries the usage so far, and no [DONE] follows.
  {
    type: 'perplexity',
    baseUrl: 'https://api.perplexity.ai',
    env: ['PERPLEXITY_API_KEY'],
    streamUsage: 'always',
  },
  { type: 'cerebras', baseUrl: 'https://api.cerebras.ai/v1', env: ['CEREBRAS_API_KEY'] },
  { type: 'ollama', baseUrl: 'http://127.0.0.1:11434/v1', local: true },
  { type: 'vllm', baseUrl: 'http://127.0.0.1:8000/v1', local: true },
  { type: 'lmstudio', baseUrl: 'http://127.0.0.1:1234/v1', local: true },
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

function mistralEdits({ bytes, fields }: ChatLook): readonly JsonEdit[] {
  const choice = fields.get('tool_choice')
  return [
    { name: 'stream_options', remove: true },
    { name: 'seed', rename: 'random_seed' },
    ...(choice && readField(bytes, choice) === 'required'
      ? [{ name: 'tool_choice', value: '"any"' }]
      : []),
  ]
}

function eosIsStop(wire: JsonObject): JsonObject | null {
  return rewriteChoices(wire, (choice) =>
    choice['finish_reason'] === 'eos' && isObject(choice)
      ? { ...choice, finish_reason: 'stop' }
      : null,
  )
}
