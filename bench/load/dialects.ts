// What the upstream answers in the dialects that Sluice translates: as much text, in as many events, as in OpenAI's.
import fs from 'node:fs'
import path from 'node:path'
import { awsEvent } from '../../tests/support/models/aws-frames.ts'

export interface BenchDialect {
  /** Of the provider in Sluice's configuration. */
  readonly name: string
  readonly model: string
  readonly baseUrlPath: string
  readonly key: Readonly<Record<string, string>>
}

/** Vertex is Gemini's form at another address. */
export const benchDialects: readonly BenchDialect[] = [
  { name: 'anthropic', model: 'claude-sonnet-4-5', baseUrlPath: '', key: {} },
  { name: 'gemini', model: 'gemini-2.5-flash', baseUrlPath: '/v1beta', key: {} },
  {
    name: 'bedrock',
    model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
    baseUrlPath: '',
    key: { region: 'eu-central-1' },
  },
  { name: 'cohere', model: 'command-a-03-2025', baseUrlPath: '', key: {} },
]

/** As many as give the client 50 events: a role, these, the finish, the usage and `[DONE]`. */
export const pieces = Array.from({ length: 46 }, (_, at) => ` token${at}`)
export const counts = { input: 1117, output: 46 }
export const replyText =
  'The image shows a wooden boardwalk path running through a lush green field or meadow. The sky is bright blue with some scattered clouds, giving the scene a serene and peaceful atmosphere. Trees and shrubs are visible in the background. The boardwalk invites the viewer to walk forward, and the light suggests a late summer afternoon with long soft shadows, a light wind over the tall grass, and very few people around.'

interface Answers {
  /** The beginning of the address. */
  readonly address: string
  readonly reply: object
  readonly streamType: string
  /** What is sent at once. */
  readonly packets: readonly Buffer[]
}

const named = (data: { readonly type: string; readonly [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const bytes = (...events: readonly string[]): Buffer => Buffer.from(events.join(''))

function anthropicAnswers(): Answers {
  const message = {
    id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
  }
  const input = {
    input_tokens: counts.input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    service_tier: 'standard',
  }
  const stop = { stop_reason: 'end_turn', stop_sequence: null }
  const begun = { content: [], stop_reason: null, stop_sequence: null }
  return {
    address: '/v1/messages',
    reply: {
      ...message,
      content: [{ type: 'text', text: replyText }],
      ...stop,
      usage: { ...input, output_tokens: counts.output },
    },
    streamType: 'text/event-stream; charset=utf-8',
    packets: [
      bytes(
        named({
          type: 'message_start',
          message: { ...message, ...begun, usage: { ...input, output_tokens: 1 } },
        }),
        named({
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'text', text: '' },
        }),
        named({ type: 'ping' }),
      ),
      ...pieces.map((text) =>
        bytes(
          named({
            type: 'content_block_delta',
            index: 0,
            delta: { type: 'text_delta', text },
          }),
        ),
      ),
      bytes(
        named({ type: 'content_block_stop', index: 0 }),
        named({
          type: 'message_delta',
          delta: stop,
          usage: { output_tokens: counts.output },
        }),
        named({ type: 'message_stop' }),
      ),
    ],
  }
}

function geminiAnswers(): Answers {
  const reply = (text: string, isLast: boolean, candidatesTokenCount: number) => ({
    candidates: [
      {
        content: { parts: [{ text }], role: 'model' },
        ...(isLast && { finishReason: 'STOP' }),
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: counts.input,
      candidatesTokenCount,
      totalTokenCount: counts.input + candidatesTokenCount,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: counts.input }],
    },
    modelVersion: 'gemini-2.5-flash',
    responseId: 'mXyzaJ2kE5Gg7dcPzLmQ0Ao',
  })
  const event = (...args: Parameters<typeof reply>) =>
    bytes(`data: ${JSON.stringify(reply(...args))}\r\n\r\n`)
  return {
    address: '/v1beta/models/',
    reply: reply(replyText, true, counts.output),
    streamType: 'text/event-stream',
    packets: pieces.map((text, at) => event(text, at === pieces.length - 1, at + 1)),
  }
}

function bedrockAnswers(): Answers {
  const usage = {
    inputTokens: counts.input,
    outputTokens: counts.output,
    totalTokens: counts.input + counts.output,
  }
  const metrics = { latencyMs: 551 }
  const start = awsEvent('messageStart', { p: 'abcdefghijklmnopqrstu', role: 'assistant' })
  return {
    address: '/model/',
    reply: {
      metrics,
      output: { message: { content: [{ text: replyText }], role: 'assistant' } },
      stopReason: 'end_turn',
      usage,
    },
    streamType: 'application/vnd.amazon.eventstream',
    packets: [
      start,
      ...pieces.map((text) =>
        awsEvent('contentBlockDelta', {
          contentBlockIndex: 0,
          delta: { text },
          p: 'abcdefghijklmnopqrstuvwxyz',
        }),
      ),
      Buffer.concat([
        awsEvent('contentBlockStop', { contentBlockIndex: 0, p: 'abcdefghijk' }),
        awsEvent('messageStop', { p: 'abcdefghi', stopReason: 'end_turn' }),
      ]),
      awsEvent('metadata', { metrics, p: 'abcdefghijklm', usage }),
    ],
  }
}

function cohereAnswers(): Answers {
  const usage = {
    billed_units: { input_tokens: 1000, output_tokens: counts.output },
    tokens: { input_tokens: counts.input, output_tokens: counts.output },
  }
  const id = 'c14c80c3-18eb-4519-9460-6c92edd8cfb4'
  const start = { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [] } }
  const content = (text: string) => ({ message: { content: { text } } })
  return {
    address: '/v2/chat',
    reply: {
      id,
      message: { role: 'assistant', content: [{ type: 'text', text: replyText }] },
      finish_reason: 'COMPLETE',
      usage,
    },
    streamType: 'text/event-stream',
    packets: [
      bytes(
        named({ id, type: 'message-start', delta: start }),
        named({
          type: 'content-start',
          index: 0,
          delta: { message: { content: { type: 'text', text: '' } } },
        }),
      ),
      ...pieces.map((text) =>
        bytes(named({ type: 'content-delta', index: 0, delta: content(text) })),
      ),
      bytes(
        named({ type: 'content-end', index: 0 }),
        named({
          type: 'message-end',
          delta: { finish_reason: 'COMPLETE', usage },
        }),
      ),
    ],
  }
}

/** Files for the upstream, one a dialect: the address, then each thing to send with its length before it. */
export function writeAnswers(work: string): string[] {
  const all = [anthropicAnswers(), geminiAnswers(), bedrockAnswers(), cohereAnswers()]
  return all.map((answers, at) => {
    const file = path.join(work, `answers-${at}.bin`)
    fs.writeFileSync(file, fileOf(answers))
    return file
  })
}

function fileOf({ address, reply, streamType, packets }: Answers): Buffer {
  const json = Buffer.from(JSON.stringify(reply))
  const plain = head('application/json', `content-length: ${json.length}`)
  const streamed = head(streamType, 'transfer-encoding: chunked')
  const chunks = packets.map((packet, at) => chunk(packet, at === packets.length - 1))
  const things = [Buffer.concat([plain, json]), streamed, ...chunks]
  return Buffer.concat([
    Buffer.from(`${address}\n`),
    ...things.flatMap((thing) => [Buffer.from(`${thing.length}\n`), thing]),
  ])
}

const head = (type: string, framing: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\nx-request-id: req_8f14e45fceea167a5a36dedd4bea2543\r\nserver: upstream\r\n\r\n`,
  )

function chunk(packet: Buffer, isLast: boolean): Buffer {
  const size = Buffer.from(`${packet.length.toString(16)}\r\n`)
  return Buffer.concat([size, packet, Buffer.from(isLast ? '\r\n0\r\n\r\n' : '\r\n')])
}
