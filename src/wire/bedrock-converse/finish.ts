const reasons: Readonly<Record<string, string>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  guardrail_intervened: 'content_filter',
  content_filtered: 'content_filter',
}

/** OpenAI's word for the end. An answer that was cut stays cut, whatever else is in it: its last call may be half. */
export function finishReason(stopReason: unknown, hasToolCalls: boolean): string {
  const word = String(stopReason)
  if (Object.hasOwn(reasons, word)) return reasons[word] as string
  return hasToolCalls ? 'tool_calls' : 'stop'
}
