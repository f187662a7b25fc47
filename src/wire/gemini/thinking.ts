import { isObject, type JsonObject } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { camelKeys } from './camel-keys.ts'
import type { ModelTraits } from './model-traits.ts'

const efforts = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])
const budgets: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 1024,
  low: 1024,
  medium: 8192,
}
const highBudget = 24_576
const highestProBudget = 32_768

/**
 * `thinkingConfig`: the caller's own, or what `reasoning_effort` amounts to. A budget and a level exclude each other,
 * and each generation knows one of them.
 */
export function encodeThinking(
  effort: unknown,
  own: unknown,
  traits: ModelTraits,
  omissions: Omissions,
): JsonObject | null {
  if (isObject(own)) return camelKeys(own)
  if (typeof effort !== 'string') return null
  if (!efforts.has(effort)) {
    omissions.refuse('reasoning_effort', 'It is none, minimal, low, medium, high or xhigh.')
    return null
  }
  const { generation, isPro } = traits
  if (generation !== null && generation < 2.5) {
    if (effort !== 'none')
      omissions.refuse('reasoning_effort', 'Only its models from generation 2.5 on think.')
    return null
  }
  if (effort === 'none' && generation !== null && (generation >= 3 || isPro)) {
    omissions.refuse('reasoning_effort', 'This model always thinks: "minimal" is the least.')
    return null
  }
  if (generation !== null && generation >= 3)
    return { thinkingLevel: levelOf(effort, traits), includeThoughts: true }
  const most = isPro && effort !== 'high' ? highestProBudget : highBudget
  return { thinkingBudget: budgets[effort] ?? most, includeThoughts: effort !== 'none' }
}

function levelOf(effort: string, { generation, isPro }: ModelTraits): string {
  if (effort === 'minimal') return isPro ? 'LOW' : 'MINIMAL'
  if (effort === 'low') return 'LOW'
  // The first of the third generation knew two levels only.
  return effort === 'medium' && !(isPro && generation === 3) ? 'MEDIUM' : 'HIGH'
}
