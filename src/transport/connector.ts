import type { Socket } from 'node:net'
import { buildConnector } from 'undici'

/**
 * Opens connections as the library does, but tells a TLS handshake that stalls from an address that does not answer:
 * the first is a matter of certificates and ports, the second of the network.
 */
export function createConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  // Its types keep quiet about the socket it returns.
  const connect = buildConnector(options) as (...args: Parameters<typeof open>) => Socket
  const open: buildConnector.connector = (target, callback) => {
    let reached = false
    const socket = connect(target, (...[error, opened]) => {
      if (error === null) callback(null, opened)
      else callback(reached && isTimeout(error) ? handshakeStalled(error) : error, null)
    })
    if (target.protocol === 'https:')
      socket.once('connect', () => {
        reached = true
      })
  }
  return open
}

const isTimeout = (error: Error & { code?: unknown }): boolean =>
  error.code === 'UND_ERR_CONNECT_TIMEOUT'

const handshakeStalled = (cause: Error): Error =>
  Object.assign(new Error('the TLS handshake was not done in time', { cause }), {
    code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  })
