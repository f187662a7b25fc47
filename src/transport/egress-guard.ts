import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction, type Socket } from 'node:net'
import type { buildConnector, Dispatcher } from 'undici'
import { createConnector } from './connector.ts'

/**
 * `private`: only by permission. `never`: where machines keep the credentials of their cloud, and what is no place to
 * connect to at all.
 */
export type Reach = 'public' | 'private' | 'never'

const ranges = (...texts: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const text of texts) {
    const [net = '', bits = ''] = text.split('/')
    list.addSubnet(net, Number(bits), net.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

const never = ranges(
  '0.0.0.0/8',
  '169.254.0.0/16',
  // The metadata of Alibaba, Azure and Oracle, which stand among other addresses.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  // The metadata of AWS and Google.
  'fd00:ec2::/32',
  'fd20:ce::/32',
)
const inside = ranges(
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '::1/128',
  'fc00::/7',
  'fec0::/10',
)
const global6 = ranges('2000::/3')
// Assignments with a purpose, tunnels that lead to any IPv4 address, and documentation.
const notGlobal6 = ranges('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')
const mapped = ranges('::ffff:0:0/96')
const translated = ranges('64:ff9b::/96')

/** Where an address leads. Anything that is no address is `never`. */
export function reachOf(address: string): Reach {
  const bare = address.split('%')[0] ?? ''
  const version = isIP(bare)
  if (version === 4) return reachBy(bare, 'ipv4', 'public')
  if (version !== 6) return 'never'
  // Its last 32 bits are an IPv4 address, which is where it leads.
  if (mapped.check(bare, 'ipv6') || translated.check(bare, 'ipv6')) return reachOf(lastAs4(bare))
  const isGlobal = global6.check(bare, 'ipv6') && !notGlobal6.check(bare, 'ipv6')
  return reachBy(bare, 'ipv6', isGlobal ? 'public' : 'never')
}

function reachBy(address: string, family: 'ipv4' | 'ipv6', otherwise: Reach): Reach {
  if (never.check(address, family)) return 'never'
  return inside.check(address, family) ? 'private' : otherwise
}

function lastAs4(address: string): string {
  // The URL parser writes every form of an address in one way.
  const host = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [high = '0', low = '0'] = host.split(':').slice(-2)
  const [a, b] = [Number.parseInt(high || '0', 16), Number.parseInt(low || '0', 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

export interface EgressRules {
  readonly allowPrivateNetwork: boolean
  /** Who turns names into addresses; absent: the system. */
  readonly lookup?: LookupFunction
}

/** A connection that must not be made. It does not say where to. */
class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError'
  readonly code = 'ERR_FORBIDDEN_ADDRESS'

  constructor() {
    super('the address is not one that may be connected to')
  }
}

/**
 * Opens connections to places that may be reached alone. What counts is the address, after the name was looked up and
 * for this very connection; a name with one address that is forbidden is forbidden.
 */
export function createGuardedConnector(
  options: buildConnector.BuildOptions,
  { allowPrivateNetwork, lookup = systemLookup as LookupFunction }: EgressRules,
): buildConnector.connector {
  const mayReach = reachable(allowPrivateNetwork)
  const connect = createConnector({
    ...options,
    lookup: guardLookup(lookup, mayReach),
  } as buildConnector.BuildOptions)
  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, '')
    // An address in place of a name is never looked up.
    if (isIP(host) && !mayReach(host)) {
      callback(new ForbiddenAddressError(), null)
      return
    }
    connect(target, (...[error, socket]) => {
      if (error) callback(error, null)
      else if (mayReach(remoteOf(socket))) callback(null, socket)
      else {
        socket.destroy()
        callback(new ForbiddenAddressError(), null)
      }
    })
  }
}

/**
 * For requests that go through a proxy, which makes the connections: what a name leads to here must be allowed before the
 * proxy is asked for it. A name that cannot be looked up here is refused.
 */
export function guardTargets({
  allowPrivateNetwork,
  lookup = systemLookup as LookupFunction,
}: EgressRules): Dispatcher.DispatcherComposeInterceptor {
  const guarded = guardLookup(lookup, reachable(allowPrivateNetwork))
  return (dispatch) => (request, handler) => {
    const { hostname } = new URL(String(request.origin))
    guarded(hostname.replace(/^\[|\]$/g, ''), { all: true }, (error) => {
      if (error) handler.onResponseError?.(noController, error)
      else tryToDispatch(() => dispatch(request, handler), handler)
    })
    return true
  }
}

function tryToDispatch(dispatch: () => boolean, handler: Dispatcher.DispatchHandler): void {
  try {
    dispatch()
  } catch (thrown) {
    handler.onResponseError?.(noController, thrown as Error)
  }
}

/** Nothing was begun, so there is nothing to control. */
const noController = null as unknown as Dispatcher.DispatchController

const reachable =
  (allowPrivateNetwork: boolean) =>
  (address: string): boolean => {
    const reach = reachOf(address)
    return reach === 'public' || (reach === 'private' && allowPrivateNetwork)
  }

const remoteOf = (socket: Socket): string => socket.remoteAddress ?? ''

function guardLookup(
  lookup: LookupFunction,
  mayReach: (address: string) => boolean,
): LookupFunction {
  return (hostname, options: LookupOptions, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) {
        callback(error, [])
        return
      }
      const all = found as LookupAddress[]
      const [first] = all
      if (!first || !all.every(({ address }) => mayReach(address)))
        callback(new ForbiddenAddressError(), [])
      else if (options.all) callback(null, all)
      else callback(null, first.address, first.family)
    })
  }
}
