import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import { GatewayError } from '../core/errors.ts'

export interface FormPost {
  readonly url: string
  readonly form: Readonly<Record<string, string>>
  readonly proxy: string | null
}

const maxBytes = 256 * 1024
const connect = { timeout: 5000 }

/**
 * Posts a form and reads the answer, whatever its status; redirects are answers too. Rejects with the library's error,
 * with the signal's reason, or with `upstream_auth_failed` for an answer that is too long.
 */
export async function postForm(
  { url, form, proxy }: FormPost,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  // Once an hour or so: nothing is gained by keeping the connection.
  const dispatcher: Dispatcher = proxy
    ? new ProxyAgent({ uri: proxy, requestTls: connect, proxyTls: connect })
    : new Agent({ connect })
  try {
    const { statusCode, body } = await request(url, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'user-agent': 'sluice',
      },
      body: new URLSearchParams(form).toString(),
      signal,
    })
    return { status: statusCode, body: await readWhole(body) }
  } finally {
    await dispatcher.destroy()
  }
}

async function readWhole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > maxBytes)
      throw new GatewayError('upstream_auth_failed', 'The answer with the token is too long', {
        dispatched: false,
      })
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
