import type { SeenRequest } from '../upstream-request.ts'
import { json } from '../upstream-script.ts'
import {
  type AnthropicOptions,
  type Block,
  checkAnthropicRequest,
  isCall,
  type Message,
  thinks,
} from './anthropic-request.ts'
import { counts, piecesOf, type Reading, sign, type Turn } from './conversation.ts'
import { createModel, type ScriptedModel, sseFrame } from './scripted-model.ts'
import { type Fields, fieldsOf, Refusal } from './shapes.ts'

/** Anthropic's Messages, at its own address or as Google Cloud serves them. */
export function createAnthropicModel(options: Omit<AnthropicOptions, 'model'>): ScriptedModel {
  return createModel({
    streamType: 'text/event-stream; charset=utf-8',
    read: (request) => read(request, options),
    plain: (turn, reading) => ({
      ...envelope(reading),
      content: blocksOf(turn, reading),
      stop_reason: turn.calls.length > 0 ? 'tool_use' : 'end_turn',
      usage: { ...inputCounts, output_tokens: counts.output },
    }),
    frames,
    refuse: (refusal) => {
      const what = refusal.unknown === null ? refusal.message : 'Extra inputs are not permitted'
      return json(400, errorBody('invalid_request_error', `${refusal.path}: ${what}`))
    },
    limited: () =>
      json(429, errorBody('rate_limit_error', 'This would exceed your rate limit.'), {
        'retry-after': '7',
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '0',
      }),
    overloaded: () => json(529, errorBody('overloaded_error', 'Overloaded')),
    errorFrame: () => sseFrame(errorBody('overloaded_error', 'Overloaded'), 'error'),
  })
}

const inputCounts = {
  input_tokens: counts.input - counts.cached - counts.written,
  cache_creation_input_tokens: counts.written,
  cache_read_input_tokens: counts.cached,
}

const errorBody = (type: string, message: string) => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
})

function read(
  request: SeenRequest,
  { place, takesForeign }: Omit<AnthropicOptions, 'model'>,
): Reading {
  const body = fieldsOf(request.json, 'body')
  const model = place === 'own' ? String(body['model']) : modelOfPath(request)
  checkHead(request, place)
  const messages = checkAnthropicRequest(body, { place, model, takesForeign })
  if (
    place === 'vertex' &&
    request.path.endsWith(':streamRawPredict') !== (body['stream'] === true)
  )
    throw new Refusal('stream', 'must be what the address says')
  const format = (body['output_config'] as Fields | undefined)?.['format']
  const tools = ((body['tools'] ?? []) as Fields[]).map(({ name }) => String(name))
  return {
    model,
    isStream: body['stream'] === true,
    thinks: thinks(body),
    answered: answered(messages),
    hasImage: messages.at(-1)?.content.some(({ type }) => type === 'image') ?? false,
    wantsForm: format !== undefined || tools.includes('answer_as_json'),
    tools,
  }
}

function checkHead({ pathname, headers }: SeenRequest, place: 'own' | 'vertex'): void {
  if (place === 'vertex') {
    if (!headers['authorization']?.startsWith('Bearer '))
      throw new Refusal('authorization', 'is required')
    return
  }
  if (pathname !== '/v1/messages') throw new Refusal('path', `${pathname} is none`)
  if (headers['anthropic-version'] !== '2023-06-01')
    throw new Refusal('anthropic-version', 'header is required')
  if (!headers['x-api-key']) throw new Refusal('x-api-key', 'header is required')
}

function modelOfPath({ path }: SeenRequest): string {
  const found =
    /^\/v1\/projects\/p1\/locations\/global\/publishers\/anthropic\/models\/([^/:]+):(streamR|r)awPredict$/.exec(
      path,
    )?.[1]
  if (found === undefined) throw new Refusal('path', `${path} is none`)
  return decodeURIComponent(found)
}

function answered(messages: readonly Message[]): string[] {
  const [before, last] = messages.slice(-2)
  const ids = (last?.content ?? []).flatMap((each) =>
    each.type === 'tool_result' ? [each['tool_use_id']] : [],
  )
  return (before?.content ?? [])
    .filter((each) => isCall(each) && ids.includes(each['id']))
    .map(({ name }: Block & { readonly name?: unknown }) => String(name))
}

const envelope = ({ model }: Reading) => ({
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model,
  stop_sequence: null,
})

function blocksOf({ thought, text, calls }: Turn, reading: Reading): Block[] {
  return [
    ...(reading.thinks
      ? [{ type: 'thinking', thinking: thought, signature: sign('anthropic', thought) }]
      : []),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...calls.map(({ key, name, input }) => ({
      type: 'tool_use',
      id: `toolu_${reading.model.length}_${key}`,
      name,
      input,
    })),
  ]
}

function frames(turn: Turn, reading: Reading): Buffer[] {
  const named = (data: Fields & { readonly type: string }): Buffer => sseFrame(data, data.type)
  const start = { ...envelope(reading), content: [], stop_reason: null }
  const blocks = blocksOf(turn, reading).flatMap((block, index) => [
    named({ type: 'content_block_start', index, content_block: emptied(block) }),
    ...(index === 0 ? [named({ type: 'ping' })] : []),
    ...deltasOf(block).map((delta) => named({ type: 'content_block_delta', index, delta })),
    named({ type: 'content_block_stop', index }),
  ])
  const stop = turn.calls.length > 0 ? 'tool_use' : 'end_turn'
  return [
    named({
      type: 'message_start',
      message: { ...start, usage: { ...inputCounts, output_tokens: 1 } },
    }),
    ...blocks,
    named({
      type: 'message_delta',
      delta: { stop_reason: stop, stop_sequence: null },
      usage: { ...inputCounts, output_tokens: counts.output },
    }),
    named({ type: 'message_stop' }),
  ]
}

function emptied(block: Block): Block {
  if (block.type === 'text') return { type: 'text', text: '' }
  if (block.type === 'thinking') return { type: 'thinking', thinking: '', signature: '' }
  return { ...block, input: {} }
}

function deltasOf(block: Block): Fields[] {
  if (block.type === 'text')
    return piecesOf(String(block['text']), 6).map((text) => ({ type: 'text_delta', text }))
  if (block.type === 'thinking')
    return [
      ...piecesOf(String(block['thinking']), 6).map((thinking) => ({
        type: 'thinking_delta',
        thinking,
      })),
      { type: 'signature_delta', signature: block['signature'] },
    ]
  const json = piecesOf(JSON.stringify(block['input']), 7)
  return ['', ...json].map((piece) => ({ type: 'input_json_delta', partial_json: piece }))
}
