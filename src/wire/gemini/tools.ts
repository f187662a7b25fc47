import type { ChatRequest } from '../../core/chat.ts'
import type { JsonObject } from '../json.ts'
import { inlineRefs } from '../translate/inline-refs.ts'
import { objectSchemaOf } from '../translate/object-schema.ts'
import type { Omissions } from '../translate/omissions.ts'
import {
  type FunctionTool,
  jsonInstruction,
  type ReadChoice,
  type ReadFormat,
  readResponseFormat,
  readToolChoice,
  readTools,
} from '../translate/tools.ts'
import { camelCase } from './camel-keys.ts'
import type { ModelTraits } from './model-traits.ts'

/** Tools that run on Google's side, named by their only member. */
const ownTools = new Set([
  'googleSearch',
  'googleSearchRetrieval',
  'codeExecution',
  'urlContext',
  'googleMaps',
  'fileSearch',
  'computerUse',
  'enterpriseWebSearch',
  'retrieval',
])

const isOwnTool = (definition: JsonObject): boolean =>
  !('function' in definition) &&
  Object.keys(definition).some((name) => ownTools.has(camelCase(name)))

export interface EncodedTools {
  readonly tools: readonly JsonObject[]
  readonly functionCallingConfig: JsonObject | null
  /** Members of `generationConfig`. */
  readonly format: JsonObject
  readonly answerTool: string | null
  /** What must be said in words, at the end of the instructions. */
  readonly instruction: string | null
}

export function encodeTools(
  request: ChatRequest,
  traits: ModelTraits,
  isSearchAsked: boolean,
  omissions: Omissions,
): EncodedTools {
  const choice = readToolChoice(request, omissions)
  const all = readTools(request, omissions, isOwnTool)
  for (const each of all) reportMembers(each, omissions)
  const functions = offered(all, choice)
  const own = (request.tools ?? []).map(({ definition }) => definition).filter(isOwnTool)
  const format = readResponseFormat(request, omissions)
  const isByTool =
    format.kind !== 'text' &&
    functions.length > 0 &&
    choice?.mode !== 'none' &&
    !traits.takesFormatWithTools
  // Where a function must be called there is no answer whose form could matter.
  const isForced = choice?.mode === 'required' || choice?.mode === 'named'
  if (isByTool && isForced) omissions.drop('response_format')
  const answer = isByTool && !isForced ? answerToolOf(format, functions) : null
  // Where no function may be called anyway, older models must not be shown any beside a form of the answer.
  const isHidden = format.kind !== 'text' && !traits.takesFormatWithTools && !isByTool
  const shown = isHidden ? [] : [...functions, ...(answer ? [answer] : [])]
  return {
    tools: [
      ...(shown.length > 0
        ? [{ functionDeclarations: shown.map((each) => encodeFunction(each, omissions)) }]
        : []),
      ...own.map((definition) => encodeOwn(definition)),
      ...(isSearchAsked ? [{ googleSearch: {} }] : []),
    ],
    functionCallingConfig: shown.length > 0 ? encodeChoice(choice, answer) : null,
    format: isByTool ? {} : encodeFormat(format),
    answerTool: answer?.name ?? null,
    instruction: isByTool && !isForced && format.kind === 'json' ? jsonInstruction : null,
  }
}

/** Where only some are allowed and none is required, the others are not shown: a list of names requires a call. */
function offered(
  functions: readonly FunctionTool[],
  choice: ReadChoice | null,
): readonly FunctionTool[] {
  const allowed = choice?.mode === 'auto' ? choice.allowed : null
  return allowed ? functions.filter(({ name }) => allowed.includes(name)) : functions
}

/** Members that a declaration has no place for. */
function reportMembers({ at, strict, extra }: FunctionTool, omissions: Omissions): void {
  if (strict) omissions.drop(`${at}.function.strict`)
  for (const [name, value] of Object.entries(extra))
    if (value != null) omissions.drop(`${at}.${name}`)
}

function encodeFunction(
  { at, name, description, parameters }: FunctionTool,
  omissions: Omissions,
): JsonObject {
  const isFilled = parameters !== null && Object.keys(parameters).length > 0
  const { schema, loosened } = objectSchemaOf(parameters)
  if (loosened) omissions.drop(`${at}.function.parameters.${loosened}`)
  return {
    name,
    ...(description !== undefined && { description }),
    ...(isFilled && { parametersJsonSchema: inlineRefs(schema, isBareRef).schema }),
  }
}

/** Beside a reference it takes no rules: those that have some are replaced by what they refer to. */
const isBareRef = (referring: JsonObject): boolean =>
  Object.keys(referring).every((name) => name.startsWith('$') || besideRef.has(name))
const besideRef = new Set(['description', 'default'])

const encodeOwn = (definition: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(definition)
      .filter(([name]) => name !== 'type')
      .map(([name, value]) => [camelCase(name), value]),
  )

function encodeChoice(choice: ReadChoice | null, answer: FunctionTool | null): JsonObject | null {
  if (choice?.mode === 'none') return { mode: 'NONE' }
  if (choice?.mode === 'named') return { mode: 'ANY', allowedFunctionNames: [choice.name] }
  const allowed = choice?.mode === 'required' ? choice.allowed : null
  if (allowed)
    return { mode: 'ANY', allowedFunctionNames: [...allowed, ...(answer ? [answer.name] : [])] }
  // Some function must be called: one of the caller's, or the one that is the answer.
  return choice?.mode === 'required' || answer ? { mode: 'ANY' } : null
}

/** A form of the answer beside functions, said as one function more. */
function answerToolOf(format: ReadFormat, functions: readonly FunctionTool[]): FunctionTool | null {
  if (format.kind !== 'schema') return null
  let name = 'answer_as_json'
  while (functions.some((each) => each.name === name)) name += '_'
  return {
    name,
    description: format.description ?? 'Gives the final answer to the user.',
    parameters: format.schema,
    strict: false,
    extra: {},
    at: '',
  }
}

function encodeFormat(format: ReadFormat): JsonObject {
  if (format.kind === 'text') return {}
  return {
    responseMimeType: 'application/json',
    ...(format.kind === 'schema' && {
      responseJsonSchema: inlineRefs(format.schema, isBareRef).schema,
    }),
  }
}
