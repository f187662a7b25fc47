import type { SeenRequest } from '../upstream-request.ts'
import { json, type Step } from '../upstream-script.ts'
import { awsEvent, awsFrame } from './aws-frames.ts'
import {
  checkBedrockRequest,
  type Message,
  thinks,
  toolResultOf,
  toolUseOf,
} from './bedrock-request.ts'
import { counts, piecesOf, type Reading, sign, type Turn } from './conversation.ts'
import { createModel, type ScriptedModel } from './scripted-model.ts'
import { type Fields, fieldsOf, Refusal } from './shapes.ts'

/** A Claude behind Bedrock's Converse. */
export function createBedrockModel(): ScriptedModel {
  return createModel({
    streamType: 'application/vnd.amazon.eventstream',
    read,
    plain: (turn, reading) => ({
      metrics: { latencyMs: 551 },
      output: { message: { role: 'assistant', content: blocksOf(turn, reading) } },
      stopReason: stopOf(turn),
      usage,
    }),
    frames,
    refuse: (refusal) =>
      failure(
        400,
        'ValidationException',
        `The model returned the following errors: ${refusal.message}`,
      ),
    // It has no way of saying when.
    limited: () => failure(429, 'ThrottlingException', 'Too many requests, please wait.'),
    overloaded: () =>
      failure(503, 'ServiceUnavailableException', 'Bedrock is unable to process it.'),
    errorFrame: () =>
      awsFrame(
        {
          ':exception-type': 'serviceUnavailableException',
          ':content-type': 'application/json',
          ':message-type': 'exception',
        },
        { message: 'Bedrock is unable to process it.' },
      ),
  })
}

const usage = {
  inputTokens: counts.input - counts.cached - counts.written,
  outputTokens: counts.output,
  totalTokens: counts.input + counts.output,
  cacheReadInputTokens: counts.cached,
  cacheWriteInputTokens: counts.written,
}

const failure = (status: number, type: string, message: string): Step =>
  json(
    status,
    { message },
    {
      'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
      'x-amzn-requestid': 'd7b9c1c0-0d1c-4f1c-8b0e-1f2a3b4c5d6e',
    },
  )

const stopOf = ({ calls }: Turn): string => (calls.length > 0 ? 'tool_use' : 'end_turn')

function read(request: SeenRequest): Reading {
  const found = /^\/model\/([^/:]+)\/converse(-stream)?$/.exec(request.path)
  if (!found) throw new Refusal('path', `${request.path} is none`)
  if (!request.headers['authorization']?.startsWith('Bearer '))
    throw new Refusal('authorization', 'is required')
  const body = fieldsOf(request.json, 'body')
  const messages = checkBedrockRequest(body)
  const config = body['toolConfig'] as Fields | undefined
  const tools = ((config?.['tools'] ?? []) as Fields[]).map(({ toolSpec }) =>
    String((toolSpec as Fields | undefined)?.['name']),
  )
  const format = (body['outputConfig'] as Fields | undefined)?.['textFormat']
  return {
    model: decodeURIComponent(found[1] ?? ''),
    isStream: found[2] !== undefined,
    thinks: thinks(body),
    answered: answered(messages),
    hasImage: messages.at(-1)?.content.some((block) => 'image' in block) ?? false,
    wantsForm: format !== undefined || tools.includes('answer_as_json'),
    tools,
  }
}

function answered(messages: readonly Message[]): string[] {
  const [before, last] = messages.slice(-2)
  const ids = (last?.content ?? []).map((block) => toolResultOf(block)?.['toolUseId'])
  return (before?.content ?? [])
    .map(toolUseOf)
    .flatMap((call) => (call && ids.includes(call['toolUseId']) ? [String(call['name'])] : []))
}

function blocksOf({ thought, text, calls }: Turn, reading: Reading): Fields[] {
  const reasoningText = { text: thought, signature: sign('bedrock', thought) }
  return [
    ...(reading.thinks ? [{ reasoningContent: { reasoningText } }] : []),
    ...(text === '' ? [] : [{ text }]),
    ...calls.map(({ key, name, input }) => ({
      toolUse: { toolUseId: `tooluse_${key}`, name, input },
    })),
  ]
}

function frames(turn: Turn, reading: Reading): Buffer[] {
  const blocks = blocksOf(turn, reading).flatMap((block, contentBlockIndex) => {
    const call = toolUseOf(block)
    // Only calls are announced.
    const start = call && { toolUse: { toolUseId: call['toolUseId'], name: call['name'] } }
    return [
      ...(start ? [awsEvent('contentBlockStart', { contentBlockIndex, start, p: 'abcde' })] : []),
      ...deltasOf(block).map((delta) =>
        awsEvent('contentBlockDelta', { contentBlockIndex, delta, p: 'abcdefghijkl' }),
      ),
      awsEvent('contentBlockStop', { contentBlockIndex, p: 'abc' }),
    ]
  })
  return [
    awsEvent('messageStart', { role: 'assistant', p: 'abcdefgh' }),
    ...blocks,
    awsEvent('messageStop', { stopReason: stopOf(turn), p: 'ab' }),
    awsEvent('metadata', { metrics: { latencyMs: 551 }, usage, p: 'abcdef' }),
  ]
}

function deltasOf(block: Fields): Fields[] {
  const call = toolUseOf(block)
  if (call)
    return piecesOf(JSON.stringify(call['input']), 7).map((input) => ({ toolUse: { input } }))
  if (typeof block['text'] === 'string') return piecesOf(block['text'], 6).map((text) => ({ text }))
  const { reasoningText } = block['reasoningContent'] as Fields
  const { text, signature } = reasoningText as Fields
  return [
    ...piecesOf(String(text), 6).map((piece) => ({ reasoningContent: { text: piece } })),
    { reasoningContent: { signature } },
  ]
}
