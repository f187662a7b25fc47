import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { Omissions } from './omissions.ts'

interface ParameterRule {
  /** Whether the value asks for what happens anyway. */
  isNeutral(value: unknown): boolean
  /** What to do where a provider does not have it; null: it only accompanies a request and may be left out. */
  readonly instead: string | null
}

const never = (): boolean => false
const isEmpty = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0
const companion: ParameterRule = { isNeutral: never, instead: null }
const shaping = (
  instead: string,
  isNeutral: (value: unknown) => boolean = never,
): ParameterRule => ({ isNeutral, instead })
const leaveOut = 'Leave it out, or use a provider that has it.'

/** OpenAI's parameters outside the neutral words, and those of them that not every provider has. */
const rules: Readonly<Record<string, ParameterRule>> = {
  n: shaping('Ask several times instead of with "n".', (value) => value === 1),
  seed: shaping(leaveOut),
  stop: shaping(leaveOut),
  temperature: shaping(leaveOut),
  top_p: shaping(leaveOut, (value) => value === 1),
  frequency_penalty: shaping(leaveOut, (value) => value === 0),
  presence_penalty: shaping(leaveOut, (value) => value === 0),
  logit_bias: shaping(leaveOut, isEmpty),
  logprobs: shaping(leaveOut, (value) => value === false),
  top_logprobs: shaping(leaveOut, (value) => value === 0),
  // Many agents send it with every request, and read several calls as well as one.
  parallel_tool_calls: { isNeutral: (value) => value === true, instead: null },
  reasoning_effort: shaping(leaveOut),
  modalities: shaping(
    'It answers in text only: use "modalities": ["text"].',
    (value) => Array.isArray(value) && value.every((each) => each === 'text'),
  ),
  audio: shaping('It answers in text only.'),
  web_search_options: shaping(leaveOut),
  functions: shaping('Use "tools" instead.', (value) => Array.isArray(value) && value.length === 0),
  function_call: shaping('Use "tool_choice" instead.', (value) => value === 'auto'),
  verbosity: shaping(leaveOut, (value) => value === 'medium'),
  prediction: companion,
  metadata: { isNeutral: isEmpty, instead: null },
  store: { isNeutral: (value) => value === false, instead: null },
  service_tier: companion,
  user: companion,
  safety_identifier: companion,
  prompt_cache_key: companion,
  prompt_cache_retention: companion,
}

/** An empty text is no place to stop at, and an empty list none at all. */
function sayable(stop: readonly string[] | undefined): readonly string[] | undefined {
  const texts = stop?.filter((each) => each !== '')
  return texts?.length ? texts : undefined
}

/** Carried by neutral words, or of no concern to the provider. */
const elsewhere = new Set(['stream_options'])

/**
 * The parameters besides messages, tools and the token limit, under the names they have at OpenAI: those that
 * `supported` names and are not null. Every other one that asks for more than what happens anyway is refused or
 * reported. `own` are names of the provider's own that OpenAI does not know and that pass as they are.
 */
export function readParameters(
  request: ChatRequest,
  supported: ReadonlySet<string>,
  own: ReadonlySet<string>,
  omissions: Omissions,
): { readonly known: JsonObject; readonly own: JsonObject } {
  const known: Record<string, unknown> = {}
  const theirs: Record<string, unknown> = {}
  const given: JsonObject = {
    n: request.choices,
    seed: request.seed,
    stop: sayable(request.stop),
    temperature: request.temperature,
    top_p: request.topP,
    reasoning_effort: request.reasoningEffort,
    ...request.extra,
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || elsewhere.has(name)) continue
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (supported.has(name)) known[name] = value
    else if (rule?.isNeutral(value)) continue
    else if (own.has(name)) theirs[name] = value
    else if (rule?.instead) omissions.refuse(name, rule.instead)
    else omissions.drop(name)
  }
  return { known, own: theirs }
}
