import { randomUUID } from 'node:crypto'
import type { RawResponse } from '../support/raw-client.ts'
import type { Upstream } from '../support/upstream.ts'
import { json, type Steps, until } from '../support/upstream-script.ts'
import { type Ask, ask, type HeaderList, keys, withKey } from './stage.ts'

type Port = { readonly port: number }

export const uuid4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A chat call made a job by its header. */
export const submit = (
  gateway: Port,
  body: NonNullable<Ask['body']>,
  more: HeaderList = [],
  credential: HeaderList = withKey(keys.open),
): Promise<RawResponse> =>
  ask(gateway, { headers: [...credential, ['x-bf-async', 'true'], ...more], body })

/** The id of a job that was accepted; throws where it was not. */
export async function submitted(...asked: Parameters<typeof submit>): Promise<string> {
  const answer = await submit(...asked)
  const id = answer.headers['x-bf-async-id']
  if (answer.status !== 200 || id === undefined)
    throw new Error(`not accepted: ${answer.status} ${answer.text}`)
  return id
}

/** Asks for a job on a chat route, without a body. */
export const poll = (
  gateway: Port,
  id: string,
  credential: HeaderList = withKey(keys.open),
  path = '/v1/chat/completions',
): Promise<RawResponse> =>
  ask(gateway, {
    method: 'POST',
    path,
    headers: [...credential, ['x-bf-async-id', id], ['content-length', '0']],
  })

/** The answer to a job once it is done. The gateway holds each poll until then, for up to ten seconds. */
export async function ended(
  gateway: Port,
  id: string,
  credential: HeaderList = withKey(keys.open),
): Promise<RawResponse> {
  const answer = await poll(gateway, id, [...credential, ['x-bf-async-wait', '10']])
  const status = answer.headers['x-bf-async-status']
  if (status === 'completed' || status === 'failed') return answer
  throw new Error(`the job did not end: ${answer.status} ${status} ${answer.text}`)
}

/** Asks again and again until the answer fits: for what only time or another process brings about. */
export async function repeatUntil<T>(
  asks: () => Promise<T>,
  fits: (answer: T) => boolean,
  limitMs = 10_000,
): Promise<T> {
  const until = performance.now() + limitMs
  for (;;) {
    const answer = await asks()
    if (fits(answer)) return answer
    if (performance.now() > until) throw new Error(`no such answer within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const jobPath = (id: string): string => `/v1/async/chat/completions/${id}`

/** A model whose provider answers when it is told to, and the steps that follow. */
export function heldModel(upstream: Upstream, then: Steps = json(200, sampleReply)) {
  const name = `held-${randomUUID()}`
  const { promise, resolve: release } = Promise.withResolvers<void>()
  upstream.on(name, [until(promise), then])
  const arrived = () => upstream.next((request) => request.model === name)
  return { name, model: `openai/${name}`, release, arrived }
}

export const sampleReply = {
  id: 'chatcmpl-sample',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'held',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Done.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
}
