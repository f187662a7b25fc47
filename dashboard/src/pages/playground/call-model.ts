import { toApiError } from '../../data/api-error.ts'
import { readEvents } from './read-events.ts'

export interface Told {
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly { readonly name: string; readonly input: string }[]
  readonly finish: string
  readonly usage: Readonly<Record<string, unknown>> | null
  readonly firstTokenMs: number | null
  readonly totalMs: number | null
  readonly callId: string | null
  readonly servedBy: string | null
  readonly attempts: string | null
}

export const nothingTold: Told = {
  text: '',
  reasoning: '',
  toolCalls: [],
  finish: '',
  usage: null,
  firstTokenMs: null,
  totalMs: null,
  callId: null,
  servedBy: null,
  attempts: null,
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: Delta
    readonly message?: Delta
    readonly finish_reason?: string | null
  }[]
  readonly usage?: Readonly<Record<string, unknown>> | null
  readonly error?: { readonly message?: string }
}
interface Delta {
  readonly content?: string | null
  readonly reasoning_content?: string | null
  readonly tool_calls?: readonly {
    readonly index?: number
    readonly function?: { readonly name?: string; readonly arguments?: string }
  }[]
}

/** Makes one call and tells what is known of the answer as it grows. Throws `ApiError` for a refusal. */
export async function callModel(
  body: object,
  credential: string,
  signal: AbortSignal,
  onTold: (told: Told) => void,
): Promise<void> {
  const startedMs = performance.now()
  const since = () => performance.now() - startedMs
  const response = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  })
  if (!response.ok) throw await toApiError(response)
  const header = (name: string) => response.headers.get(name)
  const [provider, model] = [header('x-sluice-provider'), header('x-sluice-model')]
  let told: Told = {
    ...nothingTold,
    callId: header('x-sluice-call-id'),
    servedBy: provider && `${provider}/${model ?? ''}`,
    attempts: header('x-sluice-attempts'),
  }
  const take = (chunk: Chunk) => {
    if (chunk.error) throw new Error(chunk.error.message ?? 'The stream ended with an error')
    told = grown(told, chunk, since())
    onTold(told)
  }
  if (response.headers.get('content-type')?.startsWith('text/event-stream'))
    for await (const data of readEvents(response)) {
      if (data !== '[DONE]') take(JSON.parse(data) as Chunk)
    }
  else take((await response.json()) as Chunk)
  onTold({ ...told, totalMs: since() })
}

function grown(told: Told, chunk: Chunk, sinceMs: number): Told {
  const choice = chunk.choices?.[0]
  const delta = choice?.delta ?? choice?.message
  const said = delta?.content || delta?.reasoning_content || delta?.tool_calls
  return {
    ...told,
    text: told.text + (delta?.content ?? ''),
    reasoning: told.reasoning + (delta?.reasoning_content ?? ''),
    toolCalls: withCalls(told.toolCalls, delta?.tool_calls ?? []),
    finish: choice?.finish_reason ?? told.finish,
    usage: chunk.usage ?? told.usage,
    firstTokenMs: told.firstTokenMs ?? (said ? sinceMs : null),
  }
}

function withCalls(
  known: Told['toolCalls'],
  pieces: NonNullable<Delta['tool_calls']>,
): Told['toolCalls'] {
  const calls = [...known]
  for (const [place, { index, function: own }] of pieces.entries()) {
    const at = index ?? place
    const before = calls[at] ?? { name: '', input: '' }
    calls[at] = {
      name: before.name + (own?.name ?? ''),
      input: before.input + (own?.arguments ?? ''),
    }
  }
  return calls
}
