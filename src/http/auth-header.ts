import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../core/errors.ts'

/** The credentials a request presents, each as it stands in its header. */
export interface Presented {
  readonly vk: string | null
  readonly basic: string | null
  readonly bearer: string | null
  /** `x-api-key`, `api-key`, `x-goog-api-key`, in that order, with the header's name. */
  readonly apiKeys: readonly { readonly header: string; readonly value: string }[]
}

const keyHeaders = ['x-api-key', 'api-key', 'x-goog-api-key'] as const

/** Throws `invalid_request` where one credential header is sent twice: which of them counts would be a guess. */
export function readCredentials({ headers, rawHeaders }: IncomingMessage): Presented {
  const authorization = headers.authorization
  // Node keeps the first of two Authorization headers and joins two of the others by a comma.
  if (authorization !== undefined && sentTwice(rawHeaders)) throw twice('Authorization')
  const vk = single(headers['x-bf-vk'], 'x-bf-vk')
  const apiKeys: { header: string; value: string }[] = []
  for (const header of keyHeaders) {
    const value = single(headers[header], header)
    if (value !== null) apiKeys.push({ header, value })
  }
  return { vk, ...readAuthorization(authorization), apiKeys }
}

function readAuthorization(value: string | undefined): Pick<Presented, 'basic' | 'bearer'> {
  if (value === undefined) return nothing
  const space = value.indexOf(' ')
  const scheme = value.slice(0, space < 0 ? value.length : space).toLowerCase()
  const rest = space < 0 ? '' : value.slice(space + 1).trim()
  if (scheme === 'bearer' && rest) return { basic: null, bearer: rest }
  return scheme === 'basic' && rest ? { basic: rest, bearer: null } : nothing
}

const nothing = { basic: null, bearer: null } as const

function sentTwice(rawHeaders: readonly string[]): boolean {
  let seen = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === 13 && name.toLowerCase() === 'authorization') seen++
  }
  return seen > 1
}

function single(value: string | string[] | undefined, header: string): string | null {
  if (value === undefined || value === '') return null
  if (typeof value !== 'string' || value.includes(', ')) throw twice(header)
  return value
}

const twice = (header: string): GatewayError =>
  new GatewayError('invalid_request', `The header ${header} is sent twice`, { param: header })

/** Whether a bearer token is one of the dashboard's sessions. */
export const isSessionToken = (text: string): boolean => /^sluice-session-[\w-]{43}$/.test(text)
