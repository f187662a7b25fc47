import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'

const compiled = new WeakMap<readonly string[], BlockList>()

/** Who is at the other end: behind proxies that are trusted, the last address they vouch for. */
export function clientAddress(req: IncomingMessage, trusted: readonly string[]): string {
  const direct = plain(req.socket.remoteAddress ?? '')
  if (trusted.length === 0) return direct
  const isProxy = (address: string): boolean => isAmong(address, trusted)
  if (!isProxy(direct)) return direct
  const forwarded = String(req.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((each) => plain(each.trim()))
    .filter(Boolean)
  return forwarded.findLast((each) => !isProxy(each)) ?? direct
}

/** Whether what this request says of how it came may be believed. */
export const isTrustedProxy = ({ socket }: IncomingMessage, trusted: readonly string[]): boolean =>
  trusted.length > 0 && isAmong(plain(socket.remoteAddress ?? ''), trusted)

const isAmong = (address: string, ranges: readonly string[]): boolean =>
  rangesOf(ranges).check(address, isIPv6(address) ? 'ipv6' : 'ipv4')

/** Addresses and ranges such as `10.0.0.0/8`, which the configuration has checked. */
function rangesOf(trusted: readonly string[]): BlockList {
  let list = compiled.get(trusted)
  if (!list) {
    list = new BlockList()
    for (const each of trusted) {
      const [address = '', bits] = each.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (bits === undefined) list.addAddress(address, family)
      else list.addSubnet(address, Number(bits), family)
    }
    compiled.set(trusted, list)
  }
  return list
}

const plain = (address: string): string => address.replace(/^::ffff:/, '')

/** The network an address is in: the last byte of an IPv4 address, and all but the first three parts of another, are gone. */
export function maskAddress(address: string): string {
  const dot = address.lastIndexOf('.')
  if (dot > 0) return `${address.slice(0, dot)}.0`
  // What stands before `::` may be shorter than what is shown.
  const parts = (address.split('::', 1)[0] ?? '').split(':', 3).filter(Boolean)
  return parts.length === 0 ? address : `${parts.join(':')}::`
}
