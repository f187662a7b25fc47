import type { JsonObject } from '../json.ts'
import { type Obstacle, readThinking } from '../translate/claude-thinking.ts'
import type { Omissions } from '../translate/omissions.ts'
import { claudeOf, isGptOss, isReasoningNova } from './models.ts'

export interface ReasoningContext {
  readonly model: string
  /** Null: none was given, and the model's own holds. */
  readonly maxTokens: number | null
  readonly obstacle: Obstacle | null
}

export interface EncodedReasoning {
  /** For `additionalModelRequestFields`. */
  readonly fields: JsonObject
  readonly effort: string | null
}

const nothing: EncodedReasoning = { fields: {}, effort: null }
const param = 'reasoning_effort'
const fields = (value: JsonObject): EncodedReasoning => ({ fields: value, effort: null })

/** `minimal` to `max` as the three steps that some models have. */
const steps: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}

/** How `reasoning_effort`, or Claude's own `thinking`, is said to the family of models. */
export function encodeReasoning(
  effort: unknown,
  thinking: unknown,
  { model, maxTokens, obstacle }: ReasoningContext,
  omissions: Omissions,
): EncodedReasoning {
  const claude = claudeOf(model)
  if (claude) {
    const limit = maxTokens ?? claude.defaultMaxTokens
    const read = readThinking(
      { effort, own: thinking, maxTokens: limit, obstacle },
      claude,
      omissions,
    )
    return {
      fields: read.thinking ? { thinking: read.thinking } : {},
      effort: read.effort ?? null,
    }
  }
  const own = thinking === undefined ? {} : { thinking }
  const said = effort === undefined ? nothing : encodeEffort(effort, model, omissions)
  return { ...said, fields: { ...said.fields, ...own } }
}

function encodeEffort(effort: unknown, model: string, omissions: Omissions): EncodedReasoning {
  const isOff = effort === 'none'
  const step = typeof effort === 'string' && Object.hasOwn(steps, effort) ? steps[effort] : null
  if (!isOff && step === null) {
    omissions.refuse(param, `It is none, ${Object.keys(steps).join(', ')}.`)
    return nothing
  }
  if (isReasoningNova(model))
    return fields({
      reasoningConfig: isOff ? { type: 'disabled' } : { type: 'enabled', maxReasoningEffort: step },
    })
  if (isGptOss(model)) {
    if (step !== null) return fields({ reasoning_effort: step })
    omissions.refuse(param, 'This model always thinks: "low" is the least.')
  } else if (!isOff)
    omissions.refuse(
      param,
      'This model is not told so: what it knows goes into "additional_model_request_fields".',
    )
  return nothing
}
