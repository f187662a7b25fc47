import type { ChatRequest } from '../../core/chat.ts'
import { type JsonObject, listOf } from '../json.ts'
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

interface EncodedTools {
  readonly tools?: readonly JsonObject[]
  readonly strict_tools?: true
  readonly tool_choice?: 'REQUIRED' | 'NONE'
  readonly response_format?: JsonObject
  /** Of an `EncodedRequest`. */
  readonly answerTool: string | null
  /** What must be said in words. */
  readonly instruction?: string
}

/**
 * Tools, the choice among them and the form of the answer. Cohere takes no `response_format` beside tools, so there the
 * form is one more tool, and one of them must be called. `decided`: the caller said itself whether tools are strict.
 */
export function encodeTools(
  request: ChatRequest,
  decided: boolean,
  omissions: Omissions,
): EncodedTools {
  const all = readTools(request, omissions)
  const choice = readToolChoice(request, omissions)
  const format = readResponseFormat(request, omissions)
  const offered = offeredTools(all, choice, omissions)
  const isFree = offered.length === 0 || choice?.mode === 'none'
  const isForced = choice?.mode === 'required' || choice?.mode === 'named'
  if (isFree && format.kind !== 'text')
    return { response_format: encodeFormat(format), answerTool: null }
  // Where a tool must be called there is no answer whose form could matter.
  if (isForced && format.kind !== 'text') omissions.drop('response_format')
  const answer = isForced ? null : answerToolOf(format, offered)
  const tools = answer ? [...offered, answer] : offered
  if (tools.length === 0) return { answerTool: null }
  return {
    tools: tools.map((tool) => encodeTool(tool, omissions)),
    ...(!decided && strictness(offered, answer, omissions)),
    ...(isForced || answer ? { tool_choice: 'REQUIRED' } : {}),
    ...(choice?.mode === 'none' && { tool_choice: 'NONE' }),
    answerTool: answer?.name ?? null,
    ...(!isForced && format.kind === 'json' && { instruction: jsonInstruction }),
  }
}

/** There is no way to name tools that may or must be called: the others are not offered. */
function offeredTools(
  all: readonly FunctionTool[],
  choice: ReadChoice | null,
  omissions: Omissions,
): readonly FunctionTool[] {
  const names = choice?.mode === 'named' ? [choice.name] : choice?.allowed
  if (!names) return all
  const offered = all.filter(({ name }) => names.includes(name))
  if (offered.length === 0) omissions.deny('tool_choice', 'Name one of the tools.')
  return offered
}

function encodeFormat(format: ReadFormat): JsonObject {
  return format.kind === 'schema'
    ? { type: 'json_object', json_schema: described(format) }
    : { type: 'json_object' }
}

const described = ({ description, schema }: Extract<ReadFormat, { kind: 'schema' }>): JsonObject =>
  description === undefined ? schema : { description, ...schema }

function answerToolOf(format: ReadFormat, offered: readonly FunctionTool[]): FunctionTool | null {
  if (format.kind !== 'schema') return null
  let name = 'answer_as_json'
  while (offered.some((tool) => tool.name === name)) name += '_'
  const description = 'Gives the final answer. Call it once there is nothing more to find out.'
  return {
    name,
    description: format.description ? `${description} ${format.description}` : description,
    parameters: format.schema,
    strict: format.strict,
    extra: {},
    at: '',
  }
}

function encodeTool(tool: FunctionTool, omissions: Omissions): JsonObject {
  for (const [member, value] of Object.entries(tool.extra))
    if (value != null) omissions.drop(`${tool.at}.${member}`)
  const { at, name, description } = tool
  const { schema, loosened } = objectSchemaOf(tool.parameters)
  if (loosened) omissions.drop(`${at}.function.parameters.${loosened}`)
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: schema,
    },
  }
}

/** One word for all tools, and none of them without a parameter that must be given. */
function strictness(
  offered: readonly FunctionTool[],
  answer: FunctionTool | null,
  omissions: Omissions,
): Pick<EncodedTools, 'strict_tools'> {
  const tools = answer ? [...offered, answer] : offered
  const isPossible = tools.every(({ parameters }) => listOf(parameters?.['required']).length > 0)
  if (isPossible && offered.every(({ strict }) => strict)) return { strict_tools: true }
  for (const { strict, at } of offered) if (strict) omissions.drop(`${at}.function.strict`)
  return {}
}
