import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { ClaudeModel } from '../translate/claude-model.ts'
import { fitSchema } from '../translate/fit-schema.ts'
import { resolveRef } from '../translate/inline-refs.ts'
import { objectSchemaOf } from '../translate/object-schema.ts'
import type { Omissions } from '../translate/omissions.ts'
import { StrictBudget } from '../translate/strict-budget.ts'
import {
  type FunctionTool,
  jsonInstruction,
  type ReadChoice,
  readResponseFormat,
  readToolChoice,
  readTools,
} from '../translate/tools.ts'
import { beside } from './blocks.ts'

/** Tools, which of them to call, and the form of the answer: one may have to be said by the other. */
export interface ToolUse {
  readonly tools: readonly JsonObject[]
  readonly choice: JsonObject | null
  readonly answerTool: string | null
  readonly outputFormat: JsonObject | null
  /** What must be said in words, at the end of the instructions. */
  readonly instruction: string | null
}

export function readToolUse(
  request: ChatRequest,
  isParallel: boolean,
  model: ClaudeModel,
  omissions: Omissions,
): ToolUse {
  const own = ownTools(request)
  const read = readTools(request, omissions, isOwnTool)
  const choice = readToolChoice(request, omissions)
  const isAllowed = ({ name }: { readonly name?: unknown }): boolean =>
    !choice?.allowed || choice.allowed.includes(String(name))
  const format = readResponseFormat(request, omissions)
  const budget = new StrictBudget()
  const fitted = format.kind === 'schema' && model.hasOutputFormat ? fitSchema(format.schema) : null
  const outputSchema = fitted && budget.take(fitted.schema) ? fitted.schema : null
  const offered = sayTools(read.filter(isAllowed), model, budget, omissions)
  const tools = [...own.filter(isAllowed), ...offered]
  const said = sayChoice(choice, tools.length > 0, isParallel, model, omissions)
  const plain = { tools, choice: said, answerTool: null, outputFormat: null, instruction: null }
  if (format.kind !== 'schema')
    return format.kind === 'json' ? { ...plain, instruction: jsonInstruction } : plain
  if (outputSchema) return { ...plain, outputFormat: { type: 'json_schema', schema: outputSchema } }
  // Where a tool must be called anyway, the form of the answer does not matter yet.
  if (forces(said)) {
    omissions.drop('response_format')
    return plain
  }
  const answer = answerTool(tools, format, model, omissions)
  return answer ? { ...plain, ...withAnswer(answer, tools, said) } : plain
}

/** Tools that run at the provider carry the date of their version and pass as they are. */
const isOwnTool = ({ type }: JsonObject): boolean =>
  typeof type === 'string' && (type === 'mcp_toolset' || /_\d{8}$/.test(type))

const ownTools = ({ tools = [] }: ChatRequest): readonly JsonObject[] =>
  tools.map(({ definition }) => definition).filter(isOwnTool)

const ownMembers = new Set([
  'cache_control',
  'defer_loading',
  'allowed_callers',
  'input_examples',
  'eager_input_streaming',
])
function sayTools(
  tools: readonly FunctionTool[],
  model: ClaudeModel,
  budget: StrictBudget,
  omissions: Omissions,
): readonly JsonObject[] {
  return tools.map(({ at, name, description, parameters, strict, extra }) => {
    const fitted = strict && model.hasOutputFormat && parameters ? fitSchema(parameters) : null
    const isStrict =
      fitted?.exact === true && isObjectType(fitted.schema) && budget.take(fitted.schema)
    if (strict && !isStrict) omissions.drop(`${at}.function.strict`)
    return {
      name,
      ...(description !== undefined && { description }),
      input_schema: isStrict ? fitted.schema : sayParameters(parameters, at, omissions),
      ...(isStrict && { strict: true }),
      ...beside(extra, ownMembers, at, omissions),
    }
  })
}

const isObjectType = (schema: JsonObject): boolean => schema['type'] === 'object'

function sayParameters(
  parameters: JsonObject | null,
  at: string,
  omissions: Omissions,
): JsonObject {
  const { schema, loosened } = objectSchemaOf(parameters)
  if (loosened) omissions.drop(`${at}.function.parameters.${loosened}`)
  return schema
}

function sayChoice(
  choice: ReadChoice | null,
  hasTools: boolean,
  isParallel: boolean,
  model: ClaudeModel,
  omissions: Omissions,
): JsonObject | null {
  if (!hasTools) return null
  const one = isParallel ? {} : { disable_parallel_tool_use: true }
  const mode = choice?.mode
  if (mode === 'none') return { type: 'none' }
  if ((mode === 'required' || mode === 'named') && !model.canForceTools) {
    omissions.refuse('tool_choice', 'This model cannot be forced: use "auto" or "none".')
    return { type: 'auto', ...one }
  }
  if (mode === 'required') return { type: 'any', ...one }
  if (mode === 'named') return { type: 'tool', name: choice?.name, ...one }
  return choice || !isParallel ? { type: 'auto', ...one } : null
}

function answerTool(
  tools: readonly JsonObject[],
  format: { readonly description?: string; readonly schema: JsonObject },
  model: ClaudeModel,
  omissions: Omissions,
): JsonObject | null {
  const schema = resolveRef(format.schema, format.schema)
  if (!model.canForceTools || !('properties' in schema || schema['type'] === 'object')) {
    omissions.refuse(
      'response_format',
      model.canForceTools
        ? 'Its schema must be one of an object.'
        : 'This model takes closed objects without recursion only: set "additionalProperties" to false.',
    )
    return null
  }
  let name = 'answer_as_json'
  while (tools.some((tool) => tool['name'] === name)) name += '_'
  return {
    name,
    description: format.description ?? 'Gives the answer. Its input is the whole answer.',
    input_schema: objectSchemaOf(schema).schema,
  }
}

function withAnswer(
  answer: JsonObject,
  tools: readonly JsonObject[],
  said: JsonObject | null,
): Partial<ToolUse> {
  const name = String(answer['name'])
  const isAlone = tools.length === 0 || said?.['type'] === 'none'
  return {
    tools: [...tools, answer],
    choice: isAlone
      ? { type: 'tool', name, disable_parallel_tool_use: true }
      : { ...said, type: 'any' },
    answerTool: name,
  }
}

/** Whether the model must call a tool, and so cannot think. */
export const forces = (choice: JsonObject | null): boolean =>
  isObject(choice) && (choice['type'] === 'any' || choice['type'] === 'tool')
