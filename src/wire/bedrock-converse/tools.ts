import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import { fitSchema } from '../translate/fit-schema.ts'
import { inlineRefs, resolveRef } from '../translate/inline-refs.ts'
import { objectSchemaOf } from '../translate/object-schema.ts'
import type { Omissions } from '../translate/omissions.ts'
import { StrictBudget } from '../translate/strict-budget.ts'
import {
  type FunctionTool,
  jsonInstruction,
  type ReadChoice,
  type ReadFormat,
  readResponseFormat,
  readToolChoice,
  readTools,
} from '../translate/tools.ts'
import { cachePoint } from './cache-point.ts'
import { claudeOf, isFirstNova, takesSchemas } from './models.ts'

export interface EncodedTools {
  readonly toolConfig: JsonObject | null
  readonly textFormat: JsonObject | null
  readonly answerTool: string | null
  readonly forcesTool: boolean
  /** What must be said in words, at the end of the instructions. */
  readonly instruction: string | null
}

/** A tool that Bedrock runs itself: `{"type": "system_tool", "system_tool": {"name": …}}`. */
const isSystemTool = (definition: JsonObject): boolean =>
  definition['type'] === 'system_tool' && isObject(definition['system_tool'])

/** `called`: names of the tools that the history calls, for which Bedrock wants a configuration in any case. */
export function encodeTools(
  request: ChatRequest,
  model: string,
  called: ReadonlySet<string>,
  omissions: Omissions,
): EncodedTools {
  const tools = readTools(request, omissions, isSystemTool)
  const choice = readToolChoice(request, omissions)
  const format = readResponseFormat(request, omissions)
  const budget = new StrictBudget()
  const textFormat = encodeFormat(format, model, budget)
  const answerTool =
    format.kind !== 'schema' || textFormat
      ? null
      : nameOfAnswer(tools, choice, format, model, omissions)
  const offered = offeredTools(tools, choice, called, answerTool !== null, omissions)
  const specs = [
    ...offered.flatMap((tool) => toolBlocks(tool, model, budget, omissions)),
    ...(choice?.mode === 'none' || choice?.allowed ? [] : systemTools(request)),
    ...(format.kind === 'schema' && answerTool !== null
      ? [answerSpec(answerTool, format, model, omissions)]
      : []),
  ]
  const hasOthers = specs.length > (answerTool === null ? 0 : 1)
  const toolChoice = encodeChoice(choice, hasOthers, answerTool, omissions)
  return {
    toolConfig: specs.length > 0 ? { tools: specs, ...(toolChoice && { toolChoice }) } : null,
    textFormat,
    answerTool,
    forcesTool: toolChoice !== null,
    instruction: format.kind === 'json' ? jsonInstruction : null,
  }
}

const systemTools = ({ tools = [] }: ChatRequest): readonly JsonObject[] =>
  tools.flatMap(({ definition }) =>
    isSystemTool(definition) ? [{ systemTool: definition['system_tool'] }] : [],
  )

function offeredTools(
  tools: readonly FunctionTool[],
  choice: ReadChoice | null,
  called: ReadonlySet<string>,
  hasAnswerTool: boolean,
  omissions: Omissions,
): readonly FunctionTool[] {
  const allowed = choice?.allowed
  if (choice?.mode === 'none') {
    // There is no "none": without tools none can be called, but a history with calls wants some.
    if (called.size === 0 || hasAnswerTool) return []
    if (tools.length > 0) omissions.drop('tool_choice')
  }
  const chosen = allowed ? tools.filter(({ name }) => allowed.includes(name)) : tools
  if (chosen.length > 0 || hasAnswerTool) return chosen
  return [...called].map((name) => ({ name, parameters: null, strict: false, extra: {}, at: '' }))
}

function encodeChoice(
  choice: ReadChoice | null,
  hasTools: boolean,
  answerTool: string | null,
  omissions: Omissions,
): JsonObject | null {
  if (answerTool !== null) return hasTools ? { any: {} } : { tool: { name: answerTool } }
  if (choice?.mode !== 'required' && choice?.mode !== 'named') return null
  if (!hasTools) {
    omissions.refuse('tool_choice', 'Offer the tools that are to be called in "tools".')
    return null
  }
  return choice.name === null ? { any: {} } : { tool: { name: choice.name } }
}

function toolBlocks(
  tool: FunctionTool,
  model: string,
  budget: StrictBudget,
  omissions: Omissions,
): JsonObject[] {
  const { at, name, description, parameters, strict, extra } = tool
  const { schema, loosened } = objectSchemaOf(parameters)
  if (loosened) omissions.drop(`${at}.function.parameters.${loosened}`)
  const fitted = strict && takesSchemas(model) && !loosened ? fitSchema(schema) : null
  const isStrict = fitted?.exact === true && budget.take(fitted.schema)
  if (strict && !isStrict) omissions.drop(`${at}.function.strict`)
  for (const [member, value] of Object.entries(extra))
    if (member !== 'cache_control' && value != null) omissions.drop(`${at}.${member}`)
  return [
    {
      toolSpec: {
        name,
        ...(description && { description }),
        inputSchema: {
          json: isStrict
            ? fitted.schema
            : schemaFor(model, schema, `${at}.function.parameters`, omissions),
        },
        ...(isStrict && { strict: true }),
      },
    },
    ...cachePoint(extra),
  ]
}

/** The first Nova models refuse whatever else stands at the root, definitions among it. */
function schemaFor(
  model: string,
  schema: JsonObject,
  param: string,
  omissions: Omissions,
): JsonObject {
  if (!isFirstNova(model)) return schema
  const inlined = inlineRefs(schema)
  if (!inlined.isWhole) omissions.drop(`${param}.$defs`)
  const { properties = {}, required } = inlined.schema
  return { type: 'object', properties, ...(required !== undefined && { required }) }
}

/** A name for the tool that stands for the answer; null where there can be none. */
function nameOfAnswer(
  tools: readonly FunctionTool[],
  choice: ReadChoice | null,
  format: SchemaFormat,
  model: string,
  omissions: Omissions,
): string | null {
  // Where a tool must be called there is no answer whose form could matter.
  if (choice?.mode === 'required' || choice?.mode === 'named') {
    omissions.drop('response_format')
    return null
  }
  if (!isOfObject(resolveRef(format.schema, format.schema))) {
    omissions.refuse('response_format', 'Its schema must be one of an object.')
    return null
  }
  if (claudeOf(model)?.canForceTools === false) {
    omissions.refuse(
      'response_format',
      'This model takes a schema of closed objects without recursion: set "additionalProperties" to false.',
    )
    return null
  }
  let name = 'answer_as_json'
  while (tools.some((tool) => tool.name === name)) name += '_'
  return name
}

const isOfObject = (schema: JsonObject): boolean =>
  schema['type'] === 'object' || (schema['type'] === undefined && 'properties' in schema)

function answerSpec(
  name: string,
  { description, schema }: SchemaFormat,
  model: string,
  omissions: Omissions,
): JsonObject {
  const what = 'Gives the final answer. Call it once: its input is the whole answer.'
  const param = 'response_format.json_schema.schema'
  const json = schemaFor(model, objectSchemaOf(schema).schema, param, omissions)
  return { toolSpec: { name, description: description || what, inputSchema: { json } } }
}

type SchemaFormat = Extract<ReadFormat, { kind: 'schema' }>

/** Null where the model, or the part of JSON Schema it knows, does not allow it. */
function encodeFormat(format: ReadFormat, model: string, budget: StrictBudget): JsonObject | null {
  if (format.kind !== 'schema' || !takesSchemas(model)) return null
  const fitted = fitSchema(format.schema)
  if (!fitted || !budget.take(fitted.schema)) return null
  const { name, description } = format
  const schema = JSON.stringify(fitted.schema)
  const jsonSchema = { schema, name, ...(description && { description }) }
  return { type: 'json_schema', structure: { jsonSchema } }
}
