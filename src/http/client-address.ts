import type { IncomingMessage } from 'node:http'

/** Who is at the other end: behind proxies that are trusted, the last address they vouch for. */
export function clientAddress(req: IncomingMessage, trusted: readonly string[]): string {
  const direct = plain(req.socket.remoteAddress ?? '')
  if (!trusted.includes(direct)) return direct
  const forwarded = String(req.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((each) => plain(each.trim()))
    .filter(Boolean)
  return forwarded.findLast((each) => !trusted.includes(each)) ?? direct
}

const plain = (address: string): string => address.replace(/^::ffff:/, '')
