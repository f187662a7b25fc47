export interface Turn {
  readonly role: string
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly { readonly name: string; readonly input: string }[]
  /** Such as why it ended. */
  readonly note: string
}

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {}
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The messages of a chat request and the choices of its reply, whatever else stands there. */
export function turnsOf(request: unknown, reply: unknown): readonly Turn[] {
  const asked = listOf(fieldsOf(request)['messages']).map((message) =>
    turnOf(fieldsOf(message), ''),
  )
  const answered = listOf(fieldsOf(reply)['choices']).map((choice) => {
    const { message, finish_reason: finish } = fieldsOf(choice) as {
      message?: unknown
      finish_reason?: unknown
    }
    return turnOf({ role: 'assistant', ...fieldsOf(message) }, textOf(finish))
  })
  const error = fieldsOf(fieldsOf(reply)['error'])
  const failed = textOf(error['message'])
  return [
    ...asked,
    ...answered,
    ...(failed === ''
      ? []
      : [
          {
            role: 'error',
            text: failed,
            reasoning: '',
            toolCalls: [],
            note: textOf(error['code']),
          },
        ]),
  ]
}

function turnOf(message: Fields, note: string): Turn {
  return {
    role: textOf(message['role']) || 'message',
    text: contentText(message['content']) || textOf(message['refusal']),
    reasoning: textOf(message['reasoning_content']) || textOf(message['reasoning']),
    toolCalls: listOf(message['tool_calls']).map((call) => {
      const { function: called, custom } = fieldsOf(call)
      const own = fieldsOf(called ?? custom)
      return { name: textOf(own['name']), input: textOf(own['arguments']) || textOf(own['input']) }
    }),
    note,
  }
}

/** Parts that are no text are told by their kind: an address in them is not to be asked for. */
function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return listOf(content)
    .map((part) => {
      const fields = fieldsOf(part)
      return textOf(fields['text']) || `[${textOf(fields['type']) || 'part'}]`
    })
    .join('\n')
}
