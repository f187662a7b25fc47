import { type ClaudeModel, readClaudeModel } from '../translate/claude-model.ts'

// What differs between the families of models behind the one API. An id may have a region in front, or be the end of
// an ARN: `eu.anthropic.claude-…`, `arn:aws:bedrock:…:inference-profile/us.amazon.nova-…`.

/** Null for the models of others, and for an ARN that does not say whose model it is. */
export const claudeOf = (model: string): ClaudeModel | null =>
  /anthropic\.claude/.test(model) ? readClaudeModel(model) : null

const isNova = (model: string): boolean => /amazon\.nova/.test(model)

/** Those without a number of a generation. */
export const isFirstNova = (model: string): boolean => /amazon\.nova-(?!\d)/.test(model)

/** The first Nova models do not reason. */
export const isReasoningNova = (model: string): boolean => /amazon\.nova-[2-9]/.test(model)

export const isGptOss = (model: string): boolean => /openai\.gpt-oss/.test(model)

/**
 * Whether the model takes a schema for its answer and strict tools. Families that came before these do not; whatever
 * is not known is taken to be newer.
 */
export const takesSchemas = (model: string): boolean =>
  claudeOf(model)?.hasOutputFormat ?? !withoutSchemas.test(model)

const withoutSchemas = new RegExp(
  [
    'amazon\\.',
    'meta\\.',
    'cohere\\.',
    'ai21\\.',
    'writer\\.',
    'deepseek\\.r1',
    'mistral\\.(mistral-7b|mistral-(small|large)-24|mixtral|pixtral)',
  ].join('|'),
)

/** The fields that say how many of the likeliest tokens to choose among. */
export function topKFields(model: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isNova(model)) return { inferenceConfig: { topK: value } }
  return /cohere\./.test(model) ? { k: value } : { top_k: value }
}
