import assert from 'node:assert/strict'
import type { Gateway } from '../support/start-gateway.ts'

export const adminPassword = 'a-good-password'
const adminBasic = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`

export interface AdminAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Empty where it is no JSON object. */
  readonly body: Record<string, unknown>
}

export interface AdminAsk {
  readonly method?: string
  readonly body?: unknown
  /** Beside the admin's Basic and the content type; an empty text takes one of those away. */
  readonly headers?: Readonly<Record<string, string>>
}

export type AskAdmin = (path: string, ask?: AdminAsk) => Promise<AdminAnswer>

/** Asks as the admin: a GET, or a POST where there is a body. */
export const askAdminOf =
  (gateway: Pick<Gateway, 'url'>): AskAdmin =>
  async (path, { method, body, headers = {} } = {}) => {
    const all = {
      authorization: adminBasic,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    }
    const response = await fetch(`${gateway.url}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: Object.entries(all).filter(([, value]) => value !== ''),
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: objectIn(text) }
  }

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

export const dataOf = ({ body }: AdminAnswer): readonly Record<string, unknown>[] =>
  body['data'] as readonly Record<string, unknown>[]

export const errorOf = ({ body }: AdminAnswer): { code: string; param: string; message: string } =>
  (body['error'] ?? {}) as { code: string; param: string; message: string }

/** Fails with what was answered instead. */
export function expectStatus(answer: AdminAnswer, status: number): AdminAnswer {
  assert.equal(answer.status, status, answer.text)
  return answer
}

/** A chat call with a virtual key; answers its status. */
export async function chatWith(
  { url }: Pick<Gateway, 'url'>,
  key: string,
  more: object = {},
): Promise<AdminAnswer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/hello',
      messages: [{ role: 'user', content: 'hi' }],
      ...more,
    }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: objectIn(text) }
}
