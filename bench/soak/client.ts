// One HTTP call of the soak, read in the manner its kind asks for.
import http from 'node:http'

export interface CallOptions {
  readonly port: number
  readonly key: string | null
  readonly body: string | Buffer
  /** null: a connection of its own. */
  readonly agent: http.Agent | null
  /** `abort-first`: go away at the first bytes; `abort-waiting`: before there is an answer. */
  readonly manner: 'read' | 'read-slowly' | 'abort-first' | 'abort-waiting'
}

export interface Outcome {
  /** 0 when this side went away before there was one. */
  readonly status: number
  readonly text: string
}

const abortAfterMs = 20
const slowPauseMs = 40
const timeoutMs = 60_000

/** Rejects when the connection breaks or nothing happens for a minute. */
export async function sendCall(options: CallOptions): Promise<Outcome> {
  try {
    return await sendOnce(options)
  } catch (error) {
    // A kept connection may be closed by the server just as it is used again: every client retries.
    if (error instanceof ReusedSocketError) return sendOnce({ ...options, agent: null })
    throw error
  }
}

class ReusedSocketError extends Error {}

function sendOnce({ port, key, body, agent, manner }: CallOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const headers: http.OutgoingHttpHeaders = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: agent ? 'keep-alive' : 'close',
    }
    if (key) headers['authorization'] = `Bearer ${key}`
    const path = '/v1/chat/completions'
    const where = { host: '127.0.0.1', port, path, method: 'POST', agent: agent ?? false }
    const req = http.request({ ...where, headers }, (res) => {
      clearTimeout(abortTimer)
      if (manner === 'abort-first') {
        res.on('error', () => {})
        res.once('data', () => {
          resolve({ status: res.statusCode ?? 0, text: '' })
          req.destroy()
        })
        res.once('end', () => resolve({ status: res.statusCode ?? 0, text: '' }))
        return
      }
      readReply(res, manner === 'read-slowly').then(resolve, reject)
    })
    const abortTimer =
      manner === 'abort-waiting'
        ? setTimeout(() => {
            resolve({ status: 0, text: '' })
            req.destroy()
          }, abortAfterMs)
        : undefined
    req.setTimeout(timeoutMs, () => req.destroy(new Error('nothing happened for a minute')))
    req.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = req.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      reject(isStale ? new ReusedSocketError() : error)
    })
    req.end(body)
  })
}

function readReply(res: http.IncomingMessage, isSlow: boolean): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let pauses = 0
    res.on('data', (bytes: Buffer) => {
      parts.push(bytes)
      if (!isSlow || pauses >= 10) return
      pauses += 1
      res.pause()
      setTimeout(() => res.resume(), slowPauseMs)
    })
    res.on('end', () => {
      resolve({ status: res.statusCode ?? 0, text: Buffer.concat(parts).toString() })
    })
    res.on('error', reject)
  })
}
