import { type DemoRequest, type DemoTool, readDemoRequest } from './demo-request.ts'
import {
  type DemoAnswer,
  type DemoChoice,
  type DemoScript,
  type DemoToolCall,
  errorScript,
  splitTokens,
  streamScript,
  wholeScript,
} from './demo-script.ts'
import { valueForSchema } from './demo-value.ts'

// The built-in provider: it answers the first call of a newcomer, and plays every fault on demand. The same request
// always gets the same answer; nothing here waits, asks a clock or leaves the process.

interface DemoModel {
  readonly say: (request: DemoRequest) => string
  readonly firstAfterMs?: number
  readonly tokenMs?: number
  readonly end?: DemoScript['end']
}

const sayHello = (request: DemoRequest) =>
  `Hello from Sluice's offline demo model. You said: ${quote(request.lastUserText)}. ` +
  'Set a provider key such as OPENAI_API_KEY and start again to call a real model.'

const sayMuch = (request: DemoRequest) =>
  `This answer comes word by word, about thirty tokens a second. You said: ${quote(request.lastUserText)}. ` +
  'Each piece travels on its own as a server-sent event and reaches you the moment it is written, so a reader can ' +
  'begin long before the end. A gateway that collects the pieces first would make you wait; this one passes each on ' +
  'as it comes. Stop reading at any time: the call upstream ends with you, and only what was written is counted.'

const models: Readonly<Record<string, DemoModel>> = {
  hello: { say: sayHello },
  stream: { say: sayMuch, tokenMs: 33 },
  tools: { say: () => 'I call every function offered in `tools`. Offer one and ask again.' },
  json: { say: (request) => JSON.stringify({ reply: clip(request.lastUserText) }) },
  vision: { say: (request) => `I saw ${listImages(request.imageKinds)}.` },
  slow: { say: () => 'This answer took three seconds to begin.', firstAfterMs: 3_000 },
  'slow-60s': { say: () => 'This answer took a minute to begin.', firstAfterMs: 60_000 },
  flaky: { say: () => 'This time it worked. An odd `seed` fails, an even one answers.' },
  'cut-stream': { say: sayMuch, end: 'cut' },
  'stall-stream': { say: sayMuch, end: 'stall' },
  pricey: { say: () => 'This answer has an invented, high price: good for trying out budgets.' },
}

/** What the models list shows; besides, `error-NNN` or `NNN` answers with any status from 400 to 599. */
export const demoModels: readonly string[] = [
  ...Object.keys(models),
  ...[400, 401, 429, 500].map((status) => `error-${status}`),
]

interface DemoFacts {
  /** Anything unique to the call. */
  readonly id: string
  /** Seconds since 1970. */
  readonly createdAt: number
}

/** `body` is a chat completion request with the bare model name. Never throws: what is wrong becomes a 4xx script. */
export function demoReply(body: Uint8Array, facts: DemoFacts): DemoScript {
  const request = readDemoRequest(body)
  if ('wrong' in request) {
    return request.wrong === null
      ? refuse('The body is not a JSON object.', null)
      : refuse(`\`${request.wrong}\` is missing or of the wrong type.`, request.wrong)
  }
  const fault = /^(?:error-)?([45]\d\d)$/.exec(request.model)
  if (fault !== null) return failWith(Number(fault[1]), request.model)
  const model = Object.hasOwn(models, request.model) ? models[request.model] : undefined
  if (model === undefined) return unknownModel(request.model)
  if (request.model === 'flaky' && isUnlucky(request)) return failWith(503, 'flaky')
  if (!(Number.isInteger(request.choices) && request.choices >= 1 && request.choices <= 128)) {
    return refuse('`n` must be a whole number from 1 to 128.', 'n')
  }
  const tools = toolsToCall(request)
  if (tools === null) {
    return refuse('`tool_choice` asks for a tool that `tools` does not offer.', 'tool_choice')
  }
  return play(request, model, tools, facts)
}

function play(
  request: DemoRequest,
  model: DemoModel,
  tools: readonly DemoTool[],
  facts: DemoFacts,
): DemoScript {
  const choices = Array.from({ length: request.choices }, (_, index) =>
    tools.length > 0
      ? callChoice(tools, request.maxTokens, `${facts.id}:${index}`)
      : textChoice(textFor(request, model, index), request),
  )
  const answer: DemoAnswer = {
    id: `chatcmpl-${facts.id}`,
    createdAt: facts.createdAt,
    model: request.model,
    choices,
    promptTokens: request.promptTokens,
    firstAfterMs: model.firstAfterMs ?? 0,
    tokenMs: model.tokenMs ?? 0,
    end: model.end ?? 'end',
  }
  return request.stream ? streamScript(answer, request.includeUsage) : wholeScript(answer)
}

function textFor(request: DemoRequest, model: DemoModel, index: number): string {
  const schema = request.answerSchema?.schema
  if (schema !== undefined && schema !== null) return JSON.stringify(valueForSchema(schema))
  if (request.answerSchema !== null) return JSON.stringify({ reply: clip(request.lastUserText) })
  const said =
    request.toolResults.length > 0
      ? `The tool answered: ${request.toolResults.slice(0, 8).map(quote).join(', ')}.`
      : model.say(request)
  // JSON must stay JSON, also as the second of several answers.
  const numbered = request.choices > 1 && request.model !== 'json'
  return numbered ? `${said} (Answer ${index + 1} of ${request.choices}.)` : said
}

function textChoice(text: string, request: DemoRequest): DemoChoice {
  const stops = request.stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  const content = stops.length > 0 ? text.slice(0, Math.min(...stops)) : text
  const pieces = splitTokens(content)
  const kept = pieces.slice(0, request.maxTokens)
  return {
    content: kept.join(''),
    toolCalls: [],
    finishReason: kept.length < pieces.length ? 'length' : 'stop',
  }
}

function callChoice(tools: readonly DemoTool[], maxTokens: number, salt: string): DemoChoice {
  let left = maxTokens
  const toolCalls: DemoToolCall[] = []
  for (const [index, tool] of tools.entries()) {
    const value = valueForSchema(tool.kind === 'custom' ? {} : tool.parameters)
    const pieces = splitTokens(typeof value === 'string' ? value : JSON.stringify(value))
    toolCalls.push({
      id: `call_${['a', 'b', 'c'].map((part) => hash(`${salt}:${index}:${part}`)).join('')}`,
      kind: tool.kind,
      name: tool.name,
      input: pieces.slice(0, left).join(''),
    })
    left -= pieces.length
    if (left < 0) return { content: null, toolCalls, finishReason: 'length' }
  }
  return { content: null, toolCalls, finishReason: 'tool_calls' }
}

/** Null where the choice names what is not offered. `tools` calls all it may, every other model the first. */
function toolsToCall(request: DemoRequest): readonly DemoTool[] | null {
  const { mode, names } = request.toolChoice
  const usable = request.tools.filter((tool) => names === null || names.includes(tool.name))
  if (mode === 'required' && usable.length === 0) return null
  const answered = request.toolResults.length > 0 && mode !== 'required'
  if (mode === 'none' || answered) return []
  return usable.slice(0, request.model === 'tools' && request.parallelToolCalls ? 16 : 1)
}

function isUnlucky(request: DemoRequest): boolean {
  const luck = request.seed ?? Number.parseInt(hash(request.lastUserText), 16)
  return luck % 2 !== 0
}

function refuse(message: string, param: string | null): DemoScript {
  return errorScript(400, { message, type: 'invalid_request_error', param, code: null })
}

function unknownModel(model: string): DemoScript {
  return errorScript(404, {
    message: `The model \`${clip(model)}\` does not exist. The demo provider has ${demoModels.join(', ')}.`,
    type: 'invalid_request_error',
    param: 'model',
    code: 'model_not_found',
  })
}

const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  413: 'request_too_large',
  429: 'rate_limit_exceeded',
}

function failWith(status: number, model: string): DemoScript {
  const type =
    status === 429 ? 'requests' : status >= 500 ? 'server_error' : 'invalid_request_error'
  // No time to wait is named: it would rest the whole provider, and the next try of a newcomer with it.
  return errorScript(status, {
    message: `The demo model \`${model}\` fails on purpose, with status ${status}.`,
    type,
    param: null,
    code: codes[status] ?? null,
  })
}

function listImages(kinds: readonly string[]): string {
  if (kinds.length === 0) return 'no images: send some as `image_url` parts'
  const shown = kinds.slice(0, 16).join(', ')
  const more = kinds.length > 16 ? ` and ${kinds.length - 16} more` : ''
  return `${kinds.length === 1 ? '1 image' : `${kinds.length} images`} (${shown}${more})`
}

function quote(text: string): string {
  return `"${clip(text)}"`
}

/** A prompt may be many megabytes; an echo of it must not be. */
function clip(text: string): string {
  const points = [...text.slice(0, 802)]
  return points.length > 400 ? `${points.slice(0, 400).join('')}…` : text
}

/** FNV-1a, 32 bits, as eight hex digits: the same on every machine. */
function hash(text: string): string {
  let state = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193) >>> 0
  }
  return state.toString(16).padStart(8, '0')
}
