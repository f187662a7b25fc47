import { isObject, type JsonObject } from '../json.ts'
import type { ClaudeModel } from './claude-model.ts'
import type { Omissions } from './omissions.ts'

/** What is said about thinking. `on`: it was asked for, and what excludes it must not be said as well. */
export interface Thinking {
  readonly on: boolean
  readonly thinking?: JsonObject
  readonly effort?: string
}

export interface ThinkingAsk {
  readonly effort: unknown
  /** The caller's own `thinking`, in the provider's words. */
  readonly own: unknown
  readonly maxTokens: number
  /** Why the request leaves no room for thoughts; null: it does. */
  readonly obstacle: Obstacle | null
}

/** A tool that must be called; or calls under way whose thoughts did not come back with them. */
export type Obstacle = 'forced tool' | 'lost thoughts'

const off: Thinking = { on: false }
const minBudget = 1024

export function readThinking(
  { effort, own, maxTokens, obstacle }: ThinkingAsk,
  model: ClaudeModel,
  omissions: Omissions,
): Thinking {
  if (isObject(own)) {
    if (effort !== undefined) omissions.drop('reasoning_effort')
    return { on: own['type'] !== 'disabled', thinking: own }
  }
  if (typeof effort !== 'string') return off
  if (effort === 'none') return withoutThinking(model, omissions)
  if (!Object.hasOwn(budgets, effort)) {
    omissions.refuse('reasoning_effort', `It knows ${Object.keys(budgets).join(', ')} and none.`)
    return off
  }
  if (model.thinking === 'none') {
    omissions.refuse('reasoning_effort', 'This model does not think: leave it out.')
    return off
  }
  // With a budget the provider refuses calls under way that do not begin with their thoughts.
  if (obstacle === 'lost thoughts' && model.thinking === 'budget') {
    omissions.drop('reasoning_effort')
    return off
  }
  if (obstacle === 'forced tool') {
    omissions.refuse(
      'reasoning_effort',
      'It does not think where a tool is forced, as "tool_choice" or "response_format" do here: leave out one of them.',
    )
    return off
  }
  if (model.thinking === 'adaptive')
    return {
      on: true,
      // Newer models keep their thoughts to themselves unless told otherwise.
      thinking: { type: 'adaptive', display: 'summarized' },
      effort: effortOf(effort, model),
    }
  return byBudget(effort, maxTokens, omissions)
}

function withoutThinking(model: ClaudeModel, omissions: Omissions): Thinking {
  if (model.thinksUnasked === 'always')
    omissions.refuse('reasoning_effort', 'This model always thinks: "low" is the least.')
  return model.thinksUnasked === 'yes' ? { on: false, thinking: { type: 'disabled' } } : off
}

function effortOf(effort: string, { efforts }: ClaudeModel): string {
  if (effort === 'minimal') return 'low'
  return efforts.includes(effort) ? effort : 'high'
}

interface Budget {
  readonly tokens: number
  /** Of the limit, so that something is left for the answer. */
  readonly share: number
}

const budgets: Readonly<Record<string, Budget>> = {
  minimal: { tokens: minBudget, share: 0.1 },
  low: { tokens: 4096, share: 0.2 },
  medium: { tokens: 10_240, share: 0.5 },
  high: { tokens: 24_576, share: 0.8 },
  xhigh: { tokens: 32_000, share: 0.8 },
  max: { tokens: 32_000, share: 0.8 },
}

function byBudget(effort: string, maxTokens: number, omissions: Omissions): Thinking {
  if (maxTokens <= minBudget) {
    omissions.refuse(
      'reasoning_effort',
      `Its thoughts are part of the limit and take at least ${minBudget} tokens: raise "max_completion_tokens" above that.`,
    )
    return off
  }
  const { tokens, share } = budgets[effort] as Budget
  const budget = Math.max(minBudget, Math.min(tokens, Math.floor(maxTokens * share)))
  return { on: true, thinking: { type: 'enabled', budget_tokens: budget } }
}

/** Temperature, top_p and top_k, as far as the model and its thinking leave a choice. */
export function readSampling(
  given: { temperature?: unknown; top_p?: unknown; top_k?: unknown },
  model: ClaudeModel,
  isThinking: boolean,
  omissions: Omissions,
): JsonObject {
  const said: Record<string, unknown> = {}
  const fixed = model.sampling === 'fixed'
  const why = fixed
    ? 'This model does not take it: leave it out.'
    : 'It does not take it while it thinks: leave it or "reasoning_effort" out.'
  const { temperature, top_p: topP, top_k: topK } = given
  if (typeof temperature === 'number') {
    if (temperature > 1) omissions.refuse('temperature', 'Its temperature goes from 0 to 1.')
    else if ((fixed || isThinking) && temperature !== 1) omissions.refuse('temperature', why)
    else said['temperature'] = temperature
  }
  if (typeof topP === 'number') {
    if ((fixed && topP !== 1) || (isThinking && topP < 0.95)) omissions.refuse('top_p', why)
    else if (model.sampling !== 'one' || said['temperature'] === undefined) said['top_p'] = topP
    else if (topP !== 1)
      omissions.refuse('top_p', 'This model takes it or "temperature", not both: leave one out.')
  }
  if (topK !== undefined) {
    if (fixed || isThinking) omissions.refuse('top_k', why)
    else said['top_k'] = topK
  }
  return said
}
