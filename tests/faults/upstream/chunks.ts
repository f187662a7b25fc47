type Fields = Readonly<Record<string, unknown>>

const base = {
  id: 'chatcmpl-fault',
  object: 'chat.completion.chunk',
  created: 1_767_225_600,
  model: 'fault',
}

/** One chunk of a stream as OpenAI sends it. */
export const chunk = (delta: Fields, finish: string | null = null, index = 0): Fields => ({
  ...base,
  choices: [{ index, delta, logprobs: null, finish_reason: finish }],
})

export const role = chunk({ role: 'assistant', content: '', refusal: null })
export const text = (content: string): Fields => chunk({ content })
export const finish = (reason = 'stop'): Fields => chunk({}, reason)
export const usageChunk = (prompt: number, completion: number): Fields => ({
  ...base,
  choices: [],
  usage: {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  },
})

/** A whole reply. */
export const completion = (content: string, extra: Fields = {}): Fields => ({
  id: 'chatcmpl-fault',
  object: 'chat.completion',
  created: 1_767_225_600,
  model: 'fault',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  ...extra,
})

export const contentOf = (events: readonly string[]): string =>
  events
    .map((each) => JSON.parse(each) as { choices: { delta?: { content?: string } }[] })
    .map(({ choices }) => choices[0]?.delta?.content ?? '')
    .join('')
