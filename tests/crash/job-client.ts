import { Agent, type OutgoingHttpHeaders, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Talks to one gateway over kept connections; rejects where the connection breaks. */
export class JobClient {
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(url: string) {
    this.#url = new URL(url)
  }

  /** `onWritten` is told once the whole request went to the kernel. */
  send(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: {
      readonly key: string
      readonly headers?: OutgoingHttpHeaders
      readonly body?: object
      readonly onWritten?: () => void
    },
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const body = options.body === undefined ? null : JSON.stringify(options.body)
    const asked = request(
      {
        host: this.#url.hostname,
        port: this.#url.port,
        method,
        path,
        agent: this.#agent,
        headers: {
          authorization: `Bearer ${options.key}`,
          ...(body === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...options.headers,
        },
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(parts).toString()
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
        })
      },
    )
    if (options.onWritten) asked.on('finish', options.onWritten)
    asked.on('error', reject)
    asked.end(body ?? undefined)
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}
