// The provider of the jobs' bench. The model says how long an answer takes, `wait-25` for 25 ms, and the first message
// whose it is. GET /counts: answers so far by owner. POST /hold and /open: answers wait, and go on.
//   node upstream.ts     prints "listening PORT"
import http from 'node:http'

const counts: Record<string, number> = {}
let held: (() => void)[] | null = null

const replyText = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1741570283,
  model: 'gpt-4o',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A short answer.' },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 20, completion_tokens: 4, total_tokens: 24 },
})

function sendJson(res: http.ServerResponse, text: string): void {
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  res.end(text)
}

function answer(res: http.ServerResponse, body: string): void {
  const delayMs = Number(/"wait-(\d+)"/.exec(body)?.[1] ?? 0)
  const owner = /"content":"(\w+)/.exec(body)?.[1] ?? 'none'
  const send = (): void => {
    counts[owner] = (counts[owner] ?? 0) + 1
    sendJson(res, replyText)
  }
  const begin = (): void => {
    if (delayMs === 0) send()
    else setTimeout(send, delayMs)
  }
  if (held) held.push(begin)
  else begin()
}

function control(req: http.IncomingMessage, res: http.ServerResponse): boolean {
  if (req.url === '/counts') sendJson(res, JSON.stringify(counts))
  else if (req.url === '/hold') {
    held ??= []
    sendJson(res, '{}')
  } else if (req.url === '/open') {
    const waiting = held ?? []
    held = null
    for (const begin of waiting) begin()
    sendJson(res, '{}')
  } else return false
  return true
}

const server = http.createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (req, res) => {
  if (control(req, res)) return
  const parts: Buffer[] = []
  req.on('data', (part: Buffer) => parts.push(part))
  req.on('end', () => answer(res, Buffer.concat(parts).toString()))
  req.on('error', () => {})
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`)
})
