// The base of all ratios: the least a Node gateway can do. It reads the request, swaps the
// credential, sends it on with undici's dispatch and relays the bytes; it aborts when the client
// leaves and honours back-pressure. No authentication, no limits, no parsing, no record.
//   node relay.ts UPSTREAM_PORT     prints "listening PORT"
import http from 'node:http'
import { type Dispatcher, Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, {
  connections: 4096,
  keepAliveTimeout: 60_000,
  headersTimeout: 300_000,
  bodyTimeout: 0,
})

class Relay implements Dispatcher.DispatchHandler {
  readonly #res: http.ServerResponse
  #controller: Dispatcher.DispatchController | null = null

  constructor(res: http.ServerResponse) {
    this.#res = res
    res.on('close', () => {
      if (!res.writableFinished) this.#controller?.abort(new Error('client gone'))
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController) {
    this.#controller = controller
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ) {
    const out: string[] = []
    for (const name of ['content-type', 'x-request-id', 'content-length']) {
      const value = headers[name]
      if (typeof value === 'string') out.push(name, value)
    }
    this.#res.writeHead(status, out)
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer) {
    if (this.#res.write(bytes)) return
    controller.pause()
    this.#res.once('drain', () => controller.resume())
  }

  onResponseEnd() {
    this.#res.end()
  }

  onResponseError() {
    this.#res.destroy()
  }
}

function readBody(req: http.IncomingMessage, done: (body: Buffer) => void) {
  const parts: Buffer[] = []
  req.on('data', (bytes: Buffer) => parts.push(bytes))
  req.on('end', () => {
    const [only] = parts
    done(only && parts.length === 1 ? only : Buffer.concat(parts))
  })
}

const upstreamHeaders = [
  'content-type',
  'application/json',
  'authorization',
  'Bearer sk-upstream-0123456789abcdef',
]

const server = http.createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (req, res) => {
  readBody(req, (body) => {
    const path = '/v1/chat/completions'
    pool.dispatch({ method: 'POST', path, headers: upstreamHeaders, body }, new Relay(res))
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`)
})
