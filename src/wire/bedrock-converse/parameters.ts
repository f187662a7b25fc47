import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { readParameters } from '../translate/parameters.ts'
import { claudeOf, topKFields } from './models.ts'
import { encodeReasoning, type ReasoningContext } from './reasoning-effort.ts'

const supported = new Set([
  'stop',
  'temperature',
  'top_p',
  'reasoning_effort',
  'service_tier',
  'metadata',
])

/** Bedrock's own, under names like OpenAI's: those that pass as they are, and where. */
const passed: Readonly<Record<string, string>> = {
  guardrail_config: 'guardrailConfig',
  performance_config: 'performanceConfig',
  prompt_variables: 'promptVariables',
  additional_model_response_field_paths: 'additionalModelResponseFieldPaths',
}
const own = new Set([
  ...Object.keys(passed),
  'top_k',
  'thinking',
  'additional_model_request_fields',
])

export interface EncodedParameters {
  /** Members of the body. */
  readonly fields: JsonObject
  /** How hard to think, where that is said beside the format of the answer. */
  readonly effort: string | null
}

export function encodeParameters(
  request: ChatRequest,
  context: ReasoningContext,
  omissions: Omissions,
): EncodedParameters {
  const { known, own: theirs } = readParameters(request, supported, own, omissions)
  const reasoning = encodeReasoning(
    known['reasoning_effort'],
    theirs['thinking'],
    context,
    omissions,
  )
  const inferenceConfig = encodeInference(request, known, context.model)
  const additional = {
    ...reasoning.fields,
    ...(theirs['top_k'] !== undefined && topKFields(context.model, theirs['top_k'])),
    ...additionalFields(theirs['additional_model_request_fields'], omissions),
  }
  const tier = encodeTier(known['service_tier'], omissions)
  const requestMetadata = encodeMetadata(known['metadata'], omissions)
  return {
    fields: {
      ...(Object.keys(inferenceConfig).length > 0 && { inferenceConfig }),
      ...(Object.keys(additional).length > 0 && { additionalModelRequestFields: additional }),
      ...(tier && { serviceTier: { type: tier } }),
      ...(requestMetadata && { requestMetadata }),
      ...Object.fromEntries(
        Object.entries(passed)
          .filter(([name]) => theirs[name] !== undefined)
          .map(([name, theirName]) => [theirName, theirs[name]]),
      ),
    },
    effort: reasoning.effort,
  }
}

function encodeInference(
  { maxTokens }: ChatRequest,
  { temperature, top_p: topP, stop }: JsonObject,
  model: string,
): JsonObject {
  // Some models take one of the two only, and the whole share is what happens anyway.
  const isIdle = topP === 1 && temperature !== undefined && claudeOf(model)?.sampling === 'one'
  return {
    ...(maxTokens && { maxTokens: maxTokens.tokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && !isIdle && { topP }),
    ...(stop !== undefined && { stopSequences: stop }),
  }
}

function additionalFields(given: unknown, omissions: Omissions): JsonObject {
  if (isObject(given)) return given
  if (given !== undefined)
    omissions.refuse('additional_model_request_fields', 'It must be an object.')
  return {}
}

const tiers = new Set(['default', 'flex', 'priority', 'reserved'])

/** Null for "auto", which is what happens anyway, and for tiers that only others have. */
function encodeTier(given: unknown, omissions: Omissions): string | null {
  if (typeof given === 'string' && tiers.has(given)) return given
  if (given !== undefined && given !== 'auto') omissions.drop('service_tier')
  return null
}

/** Labels for the log of invocations. They only accompany the request, so those that Bedrock would refuse stay behind. */
function encodeMetadata(given: unknown, omissions: Omissions): JsonObject | null {
  if (given === undefined) return null
  const labels = isObject(given) ? Object.entries(given) : []
  if (isObject(given) && labels.length === 0) return null
  const fits =
    labels.length > 0 &&
    labels.length <= 16 &&
    labels.every(([key, value]) => key !== '' && isLabel(key) && isLabel(value))
  if (fits) return Object.fromEntries(labels)
  omissions.drop('metadata')
  return null
}

const isLabel = (value: unknown): boolean =>
  typeof value === 'string' && /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/.test(value)
