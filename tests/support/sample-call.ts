import type { Attempt, Call } from '../../src/core/call.ts'
import { unbound } from '../../src/core/principal.ts'

/** A plain call that went well, but for what is given. */
export function sampleCall(more: Partial<Call> = {}): Call {
  return {
    id: '01890000-0000-7000-8000-000000000001',
    requestId: 'req-1',
    surface: 'openai',
    route: '/v1/chat/completions',
    startedAt: Date.UTC(2026, 0, 1),
    startedMs: 1000,
    principal: {
      ...unbound,
      kind: 'virtual-key',
      name: 'team-a',
      models: null,
      forwardHeaders: [],
      mayPin: false,
    },
    asked: 'gpt-4o',
    stream: false,
    dimensions: null,
    release: null,
    limits: null,
    holds: 0,
    attempts: [sampleAttempt()],
    fallback: 0,
    dropped: [],
    client: null,
    trace: null,
    content: 'off',
    job: null,
    usage: {
      inputTokens: 10,
      outputTokens: 5,
      cachedInputTokens: 0,
      reasoningTokens: 0,
      estimated: false,
    },
    firstTokenMs: null,
    bytesIn: 100,
    bytesOut: 200,
    status: 200,
    error: null,
    ...more,
  }
}

export function sampleAttempt(more: Partial<Attempt> = {}): Attempt {
  return {
    role: 'first',
    provider: 'openai',
    model: 'gpt-4o',
    key: 'main',
    startedMs: 1002,
    sentMs: 1003,
    headMs: 1050,
    endedMs: 1102,
    status: 200,
    error: null,
    spanId: null,
    hold: null,
    costNanos: null,
    usage: null,
    ...more,
  }
}
