import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import { authenticate, type Doorkeeper } from '../governance/authenticate.ts'
import { type CredentialMemory, emptyMemory } from '../governance/key-table.ts'
import { readCredentials } from '../http/auth-header.ts'
import { clientAddress } from '../http/client-address.ts'
import { isForeign, type OriginRules } from '../http/origins.ts'

export interface IdentifyRules extends OriginRules {
  readonly trustedProxies: readonly string[]
}

/** Who sent this request, by its headers alone. Throws 400, 401, 403 and 429 as `authenticate` does. */
export function identify(
  req: IncomingMessage,
  door: Doorkeeper,
  rules: IdentifyRules,
  now: number,
): Principal | Promise<Principal> {
  const found = authenticate(
    readCredentials(req),
    door,
    clientAddress(req, rules.trustedProxies),
    now,
    memoryOf(req.socket),
  )
  return found instanceof Promise
    ? found.then((principal) => guardAnonymous(req, principal, rules))
    : guardAnonymous(req, found, rules)
}

const remembered = Symbol('the credential presented last')
type Rememberer = Socket & { [remembered]?: CredentialMemory }

function memoryOf(socket: Rememberer): CredentialMemory {
  socket[remembered] ??= emptyMemory()
  return socket[remembered]
}

/** Without a credential any web page could spend money through a visitor's browser. */
function guardAnonymous(req: IncomingMessage, principal: Principal, rules: OriginRules): Principal {
  if (principal.kind !== 'anonymous') return principal
  if (isForeign(req, rules))
    throw new GatewayError(
      'forbidden',
      'Callers without a key must come from an allowed origin (cors.origins) and under a known host (server.hosts)',
    )
  for (const name in req.headers)
    if (name.startsWith('x-bf-eh-'))
      throw new GatewayError('forbidden', 'Callers without a key may not send x-bf-eh-* headers')
  return principal
}
