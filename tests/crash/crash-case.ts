import type { Chance } from './chance.ts'
import type { Answer, JobClient } from './job-client.ts'

/** One job of a round, known by its model. */
export interface CrashCase {
  readonly model: string
  readonly key: string
  readonly path: string
  readonly idempotencyKey: string | null
  /** Where the answer was lost: whether it is sent again, as a client with or without an idempotency key does. */
  readonly repeats: boolean
  /** Asked not to be sent again where it may have been sent already. */
  readonly failsOnInterrupt: boolean
  /** By the answer to its submit. */
  acknowledgedId: string | null
  isWritten: boolean
  /** At how many kills it was marked as dispatched, so that it may have been sent again. */
  dispatchedKills: number
}

const uuid = (last: number): string => `00000000-0000-4000-8000-${String(last).padStart(12, '0')}`
export const crashKeys = [1, 2, 3].map((last) => `sk-bf-${uuid(last)}`)
export const nativePath = '/v1/async/chat/completions'
const paths = [nativePath, '/v1/chat/completions', '/openai/v1/chat/completions']

export const crashConfig = (upstreamUrl: string): object => ({
  version: 1,
  server: { drain: { delay: '0s', grace: '1s' } },
  auth: { admin: { username: 'admin', password: 'crash-admin-password' } },
  providers: { sim: { type: 'openai-compatible', base_url: upstreamUrl } },
  virtual_keys: crashKeys.map((value, index) => ({ name: `owner-${index + 1}`, value })),
})

export function makeCases(round: number, jobs: number, chance: Chance): CrashCase[] {
  return Array.from({ length: jobs }, (_, number) => {
    const hasKey = chance.happens(0.5)
    return {
      model: `r${round}-${number}`,
      key: chance.pick(crashKeys),
      path: chance.pick(paths),
      idempotencyKey: hasKey ? `once-${round}-${number}` : null,
      repeats: hasKey || chance.happens(0.5),
      failsOnInterrupt: chance.happens(0.1),
      acknowledgedId: null,
      isWritten: false,
      dispatchedKills: 0,
    }
  })
}

/** Rejects where the gateway dies meanwhile, and where it refuses. */
export async function submitCase(
  client: JobClient,
  crashCase: CrashCase,
  options: { readonly isRepeat: boolean; readonly onWritten: () => void },
): Promise<string> {
  const { model, key, path, idempotencyKey, failsOnInterrupt } = crashCase
  const answer = await client.send('POST', path, {
    key,
    headers: {
      ...(path === nativePath ? {} : { 'x-bf-async': 'true' }),
      ...(failsOnInterrupt ? { 'x-bf-async-on-interrupt': 'fail' } : {}),
      ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
      ...(options.isRepeat && idempotencyKey === null ? { 'x-stainless-retry-count': '1' } : {}),
    },
    body: { model: `sim/${model}`, messages: [{ role: 'user', content: `job ${model}` }] },
    onWritten: () => {
      crashCase.isWritten = true
      options.onWritten()
    },
  })
  return readId(answer)
}

/** An answer that is no acknowledgement: unlike a broken connection, none may come here. */
export class RefusedSubmit extends Error {}

function readId({ status, headers, text }: Answer): string {
  const id = status === 200 || status === 202 ? (JSON.parse(text) as { id?: unknown }).id : null
  const named = headers['x-bf-async-id']
  if (typeof id === 'string' && named === id) return id
  // A repeat is answered with the job as it is by now, and what is done has the provider's id in its body.
  if (status === 200 && typeof named === 'string') return named
  throw new RefusedSubmit(`a submit was answered with ${status}: ${text.slice(0, 500)}`)
}

export const isInterrupted = ({ failsOnInterrupt, dispatchedKills }: CrashCase): boolean =>
  failsOnInterrupt && dispatchedKills > 0
