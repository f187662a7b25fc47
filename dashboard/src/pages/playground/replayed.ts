import { parseOr } from '../requests/parse-or.ts'

export interface Draft {
  readonly system: string
  readonly user: string
  /** All else that the request had, as JSON: tools, temperature, earlier turns. */
  readonly more: string
}

export const emptyDraft: Draft = { system: '', user: 'Say hello in one sentence.', more: '' }

export const exampleTool = JSON.stringify(
  {
    tools: [
      {
        type: 'function',
        function: {
          name: 'weather_in',
          description: 'The weather of a city.',
          parameters: {
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
          },
        },
      },
    ],
  },
  null,
  2,
)

/** A request that was made, to be made again. What the fields have no room for stands in `more`. */
export function draftOf(text: string): Draft | null {
  const body = parseOr(text)
  if (typeof body !== 'object' || body === null) return null
  const {
    model: _model,
    stream: _stream,
    stream_options: _options,
    messages,
    ...rest
  } = body as Record<string, unknown>
  const all = Array.isArray(messages) ? (messages as { role?: unknown; content?: unknown }[]) : []
  const [first, ...others] = all
  const isPlain =
    all.length > 0 &&
    all.length <= 2 &&
    all.every(({ content }) => typeof content === 'string') &&
    all.at(-1)?.role === 'user'
  if (isPlain && (all.length === 1 || first?.role === 'system')) {
    const system = all.length === 2 ? String(first?.content) : ''
    const user = String((others[0] ?? first)?.content)
    return { system, user, more: Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : '' }
  }
  return { system: '', user: '', more: JSON.stringify({ messages, ...rest }, null, 2) }
}

/** Null: what stands in `more` is no JSON object. */
export function bodyOf(
  { system, user, more }: Draft,
  model: string,
  stream: boolean,
): object | null {
  const extra = more.trim() === '' ? {} : parseOr(more)
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) return null
  const given = (extra as { messages?: unknown }).messages
  const messages = [
    ...(system === '' ? [] : [{ role: 'system', content: system }]),
    ...(Array.isArray(given) ? given : []),
    ...(user === '' ? [] : [{ role: 'user', content: user }]),
  ]
  return {
    ...extra,
    model,
    messages,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
  }
}
