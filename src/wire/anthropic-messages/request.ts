import type { ChatRequest } from '../../core/chat.ts'
import type { EncodedRequest, EncodeOptions } from '../../core/dialect.ts'
import { isObject, type JsonObject } from '../json.ts'
import { type ClaudeModel, readClaudeModel } from '../translate/claude-model.ts'
import { type Obstacle, readSampling, readThinking } from '../translate/claude-thinking.ts'
import { readConversation } from '../translate/conversation.ts'
import { Omissions } from '../translate/omissions.ts'
import { readParameters } from '../translate/parameters.ts'
import type { BlockWriting } from './blocks.ts'
import { sayConversation } from './messages.ts'
import { forces, readToolUse } from './tools.ts'
import type { AnthropicVariant } from './variant.ts'

const supported = new Set([
  'temperature',
  'top_p',
  'stop',
  'reasoning_effort',
  'parallel_tool_calls',
  'user',
  'safety_identifier',
  'service_tier',
  'metadata',
])

/** The provider's own parameters, which pass under the names they have there. */
const own = new Set([
  'thinking',
  'output_config',
  'top_k',
  'cache_control',
  'container',
  'context_management',
  'inference_geo',
  'mcp_servers',
  'speed',
])

export function encodeRequest(
  request: ChatRequest,
  options: EncodeOptions,
  variant: AnthropicVariant,
): EncodedRequest {
  const omissions = new Omissions(variant.provider, options.dropUnsupported)
  const { known, own: theirs } = readParameters(request, supported, own, omissions)
  const model = modelOf(options.model, isThinkingAsked(known, theirs), variant)
  const toolUse = readToolUse(request, known['parallel_tool_calls'] !== false, model, omissions)
  const writing: BlockWriting = {
    omissions,
    images: options.images,
    takesLinks: variant.takesLinks,
    namesFiles: false,
  }
  const conversation = readConversation(request.messages, omissions)
  const said = sayConversation(conversation, toolUse.instruction, writing)
  const maxTokens = maxTokensOf(request, theirs['thinking'], model.defaultMaxTokens)
  const obstacle: Obstacle | null = forces(toolUse.choice)
    ? 'forced tool'
    : said.hasLostThoughts
      ? 'lost thoughts'
      : null
  const ask = { effort: known['reasoning_effort'], own: theirs['thinking'], maxTokens, obstacle }
  const { on, thinking, effort } = readThinking(ask, model, omissions)
  const sampling = { temperature: request.temperature, top_p: request.topP, top_k: theirs['top_k'] }
  const { thinking: _thinking, top_k: _topK, output_config: config, ...rest } = theirs
  const outputConfig = {
    ...(effort && { effort }),
    ...(toolUse.outputFormat && { format: toolUse.outputFormat }),
    ...(isObject(config) && config),
  }
  const body = {
    ...(variant.version === null
      ? { model: options.model }
      : { anthropic_version: variant.version }),
    max_tokens: maxTokens,
    ...(request.stream && variant.saysStream && { stream: true }),
    ...(said.system !== null && { system: said.system }),
    messages: said.messages,
    ...(toolUse.tools.length > 0 && { tools: toolUse.tools }),
    ...(toolUse.choice && { tool_choice: toolUse.choice }),
    ...(thinking && { thinking }),
    ...(Object.keys(outputConfig).length > 0 && { output_config: outputConfig }),
    ...readSampling(sampling, model, on, omissions),
    ...sayStop(known['stop'], omissions),
    ...sayCompanions(known, omissions),
    ...rest,
  }
  return {
    body: Buffer.from(JSON.stringify(body)),
    dropped: omissions.dropped,
    answerTool: toolUse.answerTool,
    ...(writing.namesFiles && { headers: { 'anthropic-beta': 'files-api-2025-04-14' } }),
  }
}

/** Where no tool can be forced, or not beside thinking, a form is said as a schema all the same. */
function modelOf(
  name: string,
  isThinking: boolean,
  { enforcesSchemas }: AnthropicVariant,
): ClaudeModel {
  const model = readClaudeModel(name)
  const keeps = enforcesSchemas || isThinking || !model.canForceTools
  return keeps ? model : { ...model, hasOutputFormat: false }
}

function isThinkingAsked(
  { reasoning_effort: effort }: JsonObject,
  { thinking }: JsonObject,
): boolean {
  if (isObject(thinking)) return thinking['type'] !== 'disabled'
  return effort !== undefined && effort !== 'none'
}

/** The limit is not optional there, and a budget for thoughts is part of it. */
function maxTokensOf(request: ChatRequest, thinking: unknown, fallback: number): number {
  if (request.maxTokens) return request.maxTokens.tokens
  const budget = isObject(thinking) ? thinking['budget_tokens'] : undefined
  return typeof budget === 'number' ? Math.max(fallback, budget + 4096) : fallback
}

function sayStop(stop: unknown, omissions: Omissions): JsonObject {
  if (!Array.isArray(stop) || stop.length === 0) return {}
  const visible = stop.filter((each) => typeof each === 'string' && each.trim() !== '')
  if (visible.length < stop.length)
    omissions.refuse('stop', 'It stops at nothing that is only white space.')
  return visible.length > 0 ? { stop_sequences: visible } : {}
}

/** What accompanies a request, as far as there is a word for it. */
function sayCompanions(known: JsonObject, omissions: Omissions): JsonObject {
  const { user, safety_identifier: safety, service_tier: tier, metadata } = known
  const own = isObject(metadata) ? metadata['user_id'] : undefined
  const id = [own, user, safety].find((each) => typeof each === 'string' && each !== '')
  if (isObject(metadata) && Object.keys(metadata).some((name) => name !== 'user_id'))
    omissions.drop('metadata')
  if (safety !== undefined && id !== safety) omissions.drop('safety_identifier')
  if (user !== undefined && id !== user) omissions.drop('user')
  const tiers: JsonObject = {
    default: 'standard_only',
    standard_only: 'standard_only',
    auto: 'auto',
  }
  const said = typeof tier === 'string' && Object.hasOwn(tiers, tier) ? tiers[tier] : undefined
  if (tier !== undefined && said === undefined) omissions.drop('service_tier')
  return {
    ...(typeof id === 'string' && { metadata: { user_id: id } }),
    ...(said !== undefined && said !== 'auto' && { service_tier: said }),
  }
}
