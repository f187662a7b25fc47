import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'

/** What a caller may say by headers besides who it is. */
export interface CallerHeaders {
  /** To be sent on, under the names they go out with; null where there is nothing. */
  readonly forward: Readonly<Record<string, string>> | null
  readonly dimensions: Readonly<Record<string, string>> | null
  /** The provider key it wants used. */
  readonly pinnedKey: string | null
  readonly session: string | null
}

const [x, o, a] = [120, 111, 97]
const passed = new Set(['openai-beta', 'anthropic-beta'])
const never =
  /^(authorization|proxy-.*|cookie|set-cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|accept-encoding|expect|x-amz-.*|openai-organization|openai-project|x-goog-user-project|x-api-key|api-key|x-goog-api-key|x-bf-.*)$/
const dimensionsAtMost = 16

export function readCallerHeaders(
  headers: IncomingHttpHeaders,
  principal: Principal,
): CallerHeaders {
  let forward: Record<string, string> | null = null
  let dimensions: Record<string, string> | null = null
  let pinnedKey: string | null = null
  let session: string | null = null
  for (const name in headers) {
    // Nearly every header is somebody else's: most are let go by their first letter.
    const first = name.charCodeAt(0)
    if (first !== x && first !== o && first !== a) continue
    const value = headers[name]
    if (typeof value !== 'string') continue
    if (passed.has(name)) forward = withHeader(forward, name, value)
    else if (!name.startsWith('x-bf-')) continue
    else if (name.startsWith('x-bf-dim-'))
      dimensions = withDimension(dimensions, name.slice(9), value)
    else if (name.startsWith('x-bf-eh-')) {
      const target = name.slice(8)
      if (maySend(target, principal)) forward = withHeader(forward, target, value)
    } else if (name === 'x-bf-api-key') pinnedKey = value
    else if (name === 'x-bf-session-id' && value !== '') session = value.slice(0, 256)
  }
  if (pinnedKey !== null && !principal.mayPin)
    throw new GatewayError(
      'forbidden',
      `The key "${principal.name}" may not choose a provider's key (x-bf-api-key)`,
    )
  return { forward, dimensions, pinnedKey, session }
}

type Names = Record<string, string>

const withHeader = (headers: Names | null, name: string, value: string): Names =>
  Object.assign(headers ?? {}, { [name]: value })

function withDimension(
  dimensions: Record<string, string> | null,
  name: string,
  value: string,
): Record<string, string> {
  const all = dimensions ?? {}
  if (name !== '' && Object.keys(all).length < dimensionsAtMost)
    all[name.slice(0, 64)] = value.slice(0, 128)
  return all
}

const maySend = (name: string, { forwardHeaders }: Principal): boolean =>
  name !== '' && !never.test(name) && (forwardHeaders === null || forwardHeaders.includes(name))
