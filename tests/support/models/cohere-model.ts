import type { SeenRequest } from '../upstream-request.ts'
import { json } from '../upstream-script.ts'
import { callsOf, checkCohereRequest, type Message, thinks } from './cohere-request.ts'
import { type Call, counts, piecesOf, type Reading, type Turn } from './conversation.ts'
import { createModel, type ScriptedModel, sseFrame } from './scripted-model.ts'
import { type Fields, fieldsOf, Refusal } from './shapes.ts'

/** Cohere's chat in its second version. */
export function createCohereModel({
  takesForeign,
}: {
  readonly takesForeign: boolean
}): ScriptedModel {
  return createModel({
    streamType: 'text/event-stream',
    read: (request) => read(request, takesForeign),
    plain: (turn, reading) => ({
      id: replyId,
      message: messageOf(turn, reading),
      finish_reason: finishOf(turn),
      usage,
    }),
    frames,
    refuse: (refusal) => {
      const what = refusal.unknown === null ? refusal.message : `unknown field: ${refusal.unknown}`
      return json(400, { id: replyId, message: `invalid request: ${what}` })
    },
    // It says no more than that it was too much.
    limited: () =>
      json(429, { id: replyId, message: 'You are past the per minute request limit.' }),
    overloaded: () => json(503, { id: replyId, message: 'The service is unavailable.' }),
    errorFrame: () =>
      event('message-end', {
        delta: { finish_reason: 'ERROR', error: 'The service is unavailable.', usage },
      }),
  })
}

const replyId = 'c14c80c3-18eb-4519-9460-6c92edd8cfb4'
const tokens = { input_tokens: counts.input, output_tokens: counts.output }
const usage = {
  billed_units: { input_tokens: 12, output_tokens: 9 },
  tokens,
  cached_tokens: counts.cached,
}

const finishOf = ({ calls }: Turn): string => (calls.length > 0 ? 'TOOL_CALL' : 'COMPLETE')

function read(request: SeenRequest, takesForeign: boolean): Reading {
  if (request.path !== '/v2/chat') throw new Refusal('path', `${request.path} is none`)
  if (!request.headers['authorization']?.startsWith('Bearer '))
    throw new Refusal('authorization', 'is required')
  const body = fieldsOf(request.json, 'body')
  const messages = checkCohereRequest(body, takesForeign)
  const last = messages.at(-1)
  const format = (body['response_format'] as Fields | undefined)?.['type']
  const tools = ((body['tools'] ?? []) as Fields[]).map((tool) =>
    String((tool['function'] as Fields)['name']),
  )
  return {
    model: String(body['model']),
    isStream: body['stream'] === true,
    thinks: thinks(body),
    answered: last?.role === 'tool' ? answered(messages) : [],
    hasImage: JSON.stringify(last?.['content'] ?? '').includes('"image_url"'),
    wantsForm: format === 'json_object' || tools.includes('answer_as_json'),
    tools,
  }
}

const answered = (messages: readonly Message[]): string[] =>
  callsOf(messages.findLast(({ role }) => role === 'assistant')).map((call) =>
    String((call['function'] as Fields)['name']),
  )

const wireCall = ({ key, name, input }: Call): Fields => ({
  id: `${name}_${key}`,
  type: 'function',
  function: { name, arguments: JSON.stringify(input) },
})

function messageOf({ thought, text, calls }: Turn, reading: Reading): Fields {
  const content = [
    ...(reading.thinks ? [{ type: 'thinking', thinking: thought }] : []),
    ...(text !== '' && calls.length === 0 ? [{ type: 'text', text }] : []),
  ]
  return {
    role: 'assistant',
    ...(content.length > 0 && { content }),
    // What is said beside calls is the plan for them.
    ...(calls.length > 0 && text !== '' && { tool_plan: text }),
    ...(calls.length > 0 && { tool_calls: calls.map(wireCall) }),
  }
}

const event = (type: string, rest: object): Buffer => sseFrame({ type, ...rest }, type)
const piece = (type: string, index: number, message: object): Buffer =>
  event(type, { index, delta: { message } })

function frames(turn: Turn, reading: Reading): Buffer[] {
  const message = messageOf(turn, reading)
  const content = (message['content'] ?? []) as readonly Fields[]
  const plan = piecesOf(String(message['tool_plan'] ?? ''), 6)
  return [
    event('message-start', {
      id: replyId,
      delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [] } },
    }),
    ...content.flatMap(contentFrames),
    ...plan.map((tool_plan) => event('tool-plan-delta', { delta: { message: { tool_plan } } })),
    ...turn.calls.flatMap((call, at) => callFrames(call, content.length + at)),
    event('message-end', { delta: { finish_reason: finishOf(turn), usage } }),
    Buffer.from('data: [DONE]\n\n'),
  ]
}

function contentFrames(part: Fields, index: number): Buffer[] {
  const kind = String(part['type'])
  return [
    piece('content-start', index, { content: { type: kind, [kind]: '' } }),
    ...piecesOf(String(part[kind]), 6).map((text) =>
      piece('content-delta', index, { content: { [kind]: text } }),
    ),
    event('content-end', { index }),
  ]
}

function callFrames(call: Call, index: number): Buffer[] {
  const { id, type, function: body } = wireCall(call)
  const { name, arguments: text } = body as Fields
  const start = { id, type, function: { name, arguments: '' } }
  return [
    piece('tool-call-start', index, { tool_calls: start }),
    ...piecesOf(String(text), 7).map((each) =>
      piece('tool-call-delta', index, { tool_calls: { function: { arguments: each } } }),
    ),
    event('tool-call-end', { index }),
  ]
}
