// The provider of the soak. What it answers stands in the first kilobyte of the body, in `user`:
//   soak:reply                              a completion
//   soak:tools                              a completion that calls a tool
//   soak:stream-EVENTS-PACE_MS-EVENT_BYTES  a stream; soak:tool-stream one with tool-call deltas
//   soak:status-NNN                         an error of that status
//   soak:hang                               nothing, until the caller goes away
//   node upstream.ts     prints "listening PORT"
import http from 'node:http'

const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 }
const toolCall = { name: 'look_up', arguments: '{"city":"Oslo"}' }

function completion(message: object, finishReason: string): string {
  return JSON.stringify({
    id: 'chatcmpl-soak',
    object: 'chat.completion',
    created: 1741570283,
    model: 'gpt-4o',
    choices: [
      { index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason },
    ],
    usage,
  })
}

function chunk(choices: readonly object[], extra: object = {}): string {
  const head = { id: 'chatcmpl-soak', object: 'chat.completion.chunk', created: 1741570283 }
  return `data: ${JSON.stringify({ ...head, model: 'gpt-4o', choices, ...extra })}\n\n`
}

function delta(content: object, finishReason: string | null = null) {
  return chunk([{ index: 0, delta: content, finish_reason: finishReason }])
}

const streamEnd = [chunk([], { usage }), 'data: [DONE]\n\n']

function* contentEvents(count: number, sizeBytes: number) {
  const filler = 'x'.repeat(sizeBytes)
  yield delta({ role: 'assistant', content: '' })
  for (let i = 0; i < count; i++) yield delta({ content: `${i} ${filler}` })
  yield delta({}, 'stop')
  yield* streamEnd
}

function* toolEvents() {
  const call = { index: 0, id: 'call_1', type: 'function' }
  const fn = { name: toolCall.name, arguments: '' }
  yield delta({ role: 'assistant', tool_calls: [{ ...call, function: fn }] })
  for (const part of toolCall.arguments.match(/.{1,4}/g) ?? []) {
    yield delta({ tool_calls: [{ index: 0, function: { arguments: part } }] })
  }
  yield delta({}, 'tool_calls')
  yield* streamEnd
}

/** Stops while the reader is slow and for good once it has gone. */
function sendEvents(res: http.ServerResponse, events: Iterator<string>, paceMs: number) {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  const sendMore = () => {
    for (;;) {
      if (res.destroyed) return
      const next = events.next()
      if (next.done) {
        res.end()
        return
      }
      const hasRoom = res.write(next.value)
      if (!hasRoom) {
        res.once('drain', sendMore)
        return
      }
      if (paceMs > 0) {
        setTimeout(sendMore, paceMs)
        return
      }
    }
  }
  sendMore()
}

function sendJson(res: http.ServerResponse, status: number, text: string) {
  const length = Buffer.byteLength(text)
  const headers: http.OutgoingHttpHeaders = { 'content-type': 'application/json' }
  if (status === 429) headers['retry-after'] = '1'
  res.writeHead(status, { ...headers, 'content-length': length }).end(text)
}

const replyText = completion({ content: 'A short answer of the soak.' }, 'stop')
const toolsText = completion(
  { content: null, tool_calls: [{ id: 'call_1', type: 'function', function: toolCall }] },
  'tool_calls',
)

function answer(res: http.ServerResponse, wish: string) {
  const [kind, first, second, third] = wish.split('-')
  if (wish === 'tool-stream') sendEvents(res, toolEvents(), 0)
  else if (kind === 'stream') {
    sendEvents(res, contentEvents(Number(first), Number(third)), Number(second))
  } else if (kind === 'status') {
    const error = { message: `the soak asked for ${first}`, type: 'soak_error', code: 'soak' }
    sendJson(res, Number(first), JSON.stringify({ error }))
  } else if (kind === 'tools') sendJson(res, 200, toolsText)
  else if (kind !== 'hang') sendJson(res, 200, replyText)
}

const server = http.createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (req, res) => {
  let head: Buffer | null = null
  req.on('data', (bytes: Buffer) => {
    head ??= bytes.subarray(0, 1024)
  })
  req.on('end', () => answer(res, /soak:([\w-]+)/.exec(String(head))?.[1] ?? 'reply'))
  req.on('error', () => {})
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`)
})
