// The mix of calls, and what each must come back with.
import { base64Noise } from '../load/bodies.ts'
import type { CallOptions, Outcome } from './client.ts'

export interface Kind {
  readonly name: string
  /** How often, relative to the others. */
  readonly weight: number
  readonly key: 'good' | 'tight' | 'unknown' | 'none'
  readonly body: string
  readonly manner: CallOptions['manner']
  /** Whether the answer is one of those that may come. */
  readonly isExpected: (outcome: Outcome) => boolean
}

export const upstreamErrors = [400, 401, 404, 429, 500] as const

const toolList = [
  {
    type: 'function',
    function: {
      name: 'look_up',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
]

/** `user` comes before the messages: the upstream looks for its order in the first kilobyte. */
function bodyOf(wish: string, extra: object = {}, text = 'What is the weather in Oslo?') {
  const messages = [{ role: 'user', content: text }]
  return JSON.stringify({ model: 'openai/gpt-4o', user: `soak:${wish}`, messages, ...extra })
}

const streamed = { stream: true, stream_options: { include_usage: true } }
const isOk = ({ status }: Outcome) => status === 200
const isWhole = ({ status, text }: Outcome) =>
  status === 200 && text.endsWith('data: [DONE]\n\n') && text.includes('"total_tokens":30')
const isRefusal =
  (...statuses: readonly number[]) =>
  ({ status, text }: Outcome) =>
    statuses.includes(status) && text.includes('"message":')

const usual = { key: 'good', manner: 'read' } as const

/** Errors of a provider also open its breaker: then the gateway answers 503, or 429, by itself. */
const errorKinds: readonly Kind[] = upstreamErrors.map((status) => ({
  ...usual,
  name: `upstream ${status}`,
  weight: 2,
  body: bodyOf(`status-${status}`, { model: `fails${status}/gpt-4o` }),
  isExpected: isRefusal(status === 401 ? 502 : status, 429, 503),
}))

export const kinds: readonly Kind[] = [
  { ...usual, name: 'plain', weight: 36, body: bodyOf('reply'), isExpected: isOk },
  {
    ...usual,
    name: 'stream',
    weight: 14,
    body: bodyOf('stream-20-0-80', streamed),
    isExpected: isWhole,
  },
  {
    ...usual,
    name: 'paced stream',
    weight: 2,
    body: bodyOf('stream-10-5-80', streamed),
    isExpected: isWhole,
  },
  {
    ...usual,
    name: 'tools',
    weight: 8,
    body: bodyOf('tools', { tools: toolList }),
    isExpected: ({ status, text }) => status === 200 && text.includes('tool_calls'),
  },
  {
    ...usual,
    name: 'tools stream',
    weight: 5,
    body: bodyOf('tool-stream', { ...streamed, tools: toolList }),
    isExpected: (outcome) => isWhole(outcome) && outcome.text.includes('tool_calls'),
  },
  ...errorKinds,
  {
    ...usual,
    name: 'no key',
    weight: 2,
    key: 'none',
    body: bodyOf('reply'),
    isExpected: isRefusal(401),
  },
  {
    ...usual,
    name: 'unknown key',
    weight: 2,
    key: 'unknown',
    body: bodyOf('reply'),
    isExpected: isRefusal(401),
  },
  {
    ...usual,
    name: 'bad body',
    weight: 2,
    body: '{"model":"openai/gpt-4o","messages":[',
    isExpected: isRefusal(400),
  },
  {
    ...usual,
    name: 'over its limit',
    weight: 3,
    key: 'tight',
    body: bodyOf('reply'),
    isExpected: (outcome) => isOk(outcome) || isRefusal(429)(outcome),
  },
  {
    ...usual,
    name: 'aborted stream',
    weight: 6,
    body: bodyOf('stream-200-20-80', streamed),
    manner: 'abort-first',
    isExpected: isOk,
  },
  {
    ...usual,
    name: 'aborted plain',
    weight: 3,
    body: bodyOf('hang'),
    manner: 'abort-waiting',
    isExpected: ({ status }) => status === 0,
  },
  {
    ...usual,
    name: 'slow reader',
    weight: 0.25,
    // More than the kernel's buffers hold on all sockets of the way, so that the gateway must wait.
    body: bodyOf('stream-120-0-100000', streamed),
    manner: 'read-slowly',
    isExpected: isWhole,
  },
  {
    ...usual,
    name: 'body of 300 KB',
    weight: 2,
    body: bodyOf('reply', {}, base64Noise(300_000)),
    isExpected: isOk,
  },
  {
    ...usual,
    name: 'body of 2 MB',
    weight: 0.5,
    body: bodyOf('stream-5-0-80', streamed, base64Noise(2_000_000)),
    isExpected: isWhole,
  },
]

const totalWeight = kinds.reduce((sum, kind) => sum + kind.weight, 0)

/** `chance` is within [0, 1). */
export function pickKind(chance: number): Kind {
  let left = chance * totalWeight
  for (const kind of kinds) {
    left -= kind.weight
    if (left < 0) return kind
  }
  return kinds[0] as Kind
}

/** A repeatable sequence of numbers within [0, 1). */
export function createChance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
