import type { Described, Operation } from '../../../src/api/admin/operation.ts'
import { ApiError, toApiError } from './api-error.ts'

export type QueryValues = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly query?: QueryValues | undefined
  readonly body?: unknown
  /** The version that was seen, so that nobody else's change is overwritten. */
  readonly ifVersion?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What an operation of the API answers. */
export type Answer<O extends Operation> = Described<O['reply']>

/** One request to the gateway's own API, as whoever is signed in. Throws `ApiError`. */
export async function ask<T>(path: string, question: Question = {}): Promise<T> {
  const { method = 'GET', query, body, ifVersion, signal } = question
  const response = await fetch(withQuery(path, query), {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(ifVersion !== undefined && { 'if-match': `"${ifVersion}"` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new ApiError('The gateway does not answer. Is it running?', {
      status: 0,
      code: 'unreachable',
    })
  })
  if (!response.ok) throw await toApiError(response)
  return (response.status === 204 ? null : await response.json()) as T
}

export function withQuery(path: string, query: QueryValues = {}): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const each of value === undefined ? [] : [value].flat()) parts.append(name, each)
  const text = parts.toString()
  return text === '' ? path : `${path}?${text}`
}
