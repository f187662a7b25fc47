/**
 * All names that spans have here. Those of `gen_ai.*` are not stable: `both` adds what convention 1.36 and its readers
 * know to what the latest convention has, `latest` (`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`) does not.
 */
export type NamesVersion = 'both' | 'latest'

export const names = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  /** What `provider` was called up to 1.36. */
  system: 'gen_ai.system',
  conversation: 'gen_ai.conversation.id',
  requestModel: 'gen_ai.request.model',
  requestStream: 'gen_ai.request.stream',
  requestMaxTokens: 'gen_ai.request.max_tokens',
  requestTemperature: 'gen_ai.request.temperature',
  requestTopP: 'gen_ai.request.top_p',
  requestSeed: 'gen_ai.request.seed',
  requestChoices: 'gen_ai.request.choice.count',
  requestStop: 'gen_ai.request.stop_sequences',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  userAgent: 'user_agent.original',
  clientAddress: 'client.address',
  callId: 'sluice.call.id',
  requestId: 'sluice.request.id',
  keyName: 'sluice.key.name',
  model: 'sluice.model',
  attempts: 'sluice.attempts',
  attempt: 'sluice.attempt',
  attemptRole: 'sluice.attempt.role',
  fallbackFrom: 'sluice.fallback.from',
  providerName: 'sluice.provider.name',
  providerKey: 'sluice.provider.key',
  cost: 'sluice.cost.usd',
  estimated: 'sluice.usage.estimated',
  jobId: 'sluice.job.id',
  jobStep: 'sluice.job.step',
  jobAttempt: 'sluice.job.attempt',
  jobOutcome: 'sluice.job.outcome',
  /** With the name behind it that stood in `x-bf-dim-<name>`. */
  dimension: 'sluice.dimension.',
} as const

/** Of the one operation there is. */
export const operationName = 'chat'

/** Types of providers that the convention calls otherwise. */
const wellKnown: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  gemini: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  xai: 'x_ai',
}

/** `name` is the provider's own, which tells more than that it speaks OpenAI. */
export const providerNameOf = (type: string, name: string): string =>
  type === 'openai-compatible' ? name : (wellKnown[type] ?? type)
