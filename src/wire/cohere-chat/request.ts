import type { ChatRequest } from '../../core/chat.ts'
import type { EncodedRequest, EncodeOptions } from '../../core/dialect.ts'
import type { JsonObject } from '../json.ts'
import { Omissions } from '../translate/omissions.ts'
import { readParameters } from '../translate/parameters.ts'
import { encodeMessages } from './messages.ts'
import { encodeTools } from './tools.ts'

const supported = new Set([
  'seed',
  'stop',
  'temperature',
  'frequency_penalty',
  'presence_penalty',
  'logprobs',
  'reasoning_effort',
])
/** Cohere's own words, which pass as they are; `top_k` is what everybody else calls `k`. */
const own = new Set([
  'documents',
  'citation_options',
  'safety_mode',
  'strict_tools',
  'thinking',
  'priority',
  'k',
  'top_k',
])

export function encodeRequest(request: ChatRequest, options: EncodeOptions): EncodedRequest {
  const omissions = new Omissions('Cohere', options.dropUnsupported)
  const { topP, maxTokens, ...rest } = request
  const { known, own: theirs } = readParameters(rest, supported, own, omissions)
  const { top_k: topK, thinking: givenThinking, ...extensions } = theirs
  const thinking = givenThinking ?? thinkingOf(known['reasoning_effort'], maxTokens?.tokens)
  const { answerTool, instruction, ...tools } = encodeTools(
    request,
    'strict_tools' in theirs,
    omissions,
  )
  const body: JsonObject = {
    model: options.model,
    messages: [
      ...(instruction === undefined ? [] : [{ role: 'system', content: instruction }]),
      ...encodeMessages(request.messages, isOn(thinking), omissions),
    ],
    stream: request.stream,
    ...tools,
    ...(maxTokens && { max_tokens: maxTokens.tokens }),
    temperature: known['temperature'],
    ...(topP !== undefined && { p: within(topP, 0.01, 0.99) }),
    ...(topK !== undefined && { k: topK }),
    seed: known['seed'],
    stop_sequences: known['stop'],
    ...penalties(known, omissions),
    logprobs: known['logprobs'],
    thinking,
    ...extensions,
  }
  return { body: Buffer.from(JSON.stringify(body)), dropped: omissions.dropped, answerTool }
}

/** Cohere refuses a whole 0 or 1, which mean the nearest it knows. Its own default is 0.75, so that a 1 must be said. */
const within = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most)

function penalties(known: JsonObject, omissions: Omissions): JsonObject {
  const found: Record<string, unknown> = {}
  for (const name of ['frequency_penalty', 'presence_penalty']) {
    const value = known[name]
    if (value === undefined) continue
    if (typeof value === 'number' && (value < 0 || value > 1))
      omissions.refuse(name, `Its "${name}" goes from 0 to 1.`)
    else found[name] = value
  }
  return found
}

const budgets: Readonly<Record<string, number>> = { minimal: 512, low: 2048, medium: 8192 }

/**
 * How long to think, in tokens; more than `medium` is as long as the model likes. Thoughts count towards the token
 * limit, so that a fifth of it stays for the answer.
 */
function thinkingOf(effort: unknown, limit: number | undefined): JsonObject | undefined {
  if (typeof effort !== 'string') return undefined
  if (effort === 'none') return { type: 'disabled' }
  const wanted = Object.hasOwn(budgets, effort) ? budgets[effort] : undefined
  const most = limit === undefined ? undefined : Math.max(1, Math.floor(limit * 0.8))
  if (wanted === undefined && most === undefined) return { type: 'enabled' }
  const budget = Math.min(wanted ?? Number.POSITIVE_INFINITY, most ?? Number.POSITIVE_INFINITY)
  return { type: 'enabled', token_budget: budget }
}

const isOn = (thinking: unknown): boolean =>
  (thinking as JsonObject | undefined)?.['type'] !== 'disabled'
