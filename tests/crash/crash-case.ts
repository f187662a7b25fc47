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
  /** For how long its result is to be kept; null: as long as results are kept. */
  readonly ttlS: number | null
  /** How long after its submit was acknowledged it is cancelled; null: it is not. */
  readonly cancelAfterMs: number | null
  /** By the answer to its submit. */
  acknowledgedId: string | null
  isWritten: boolean
  /** What its DELETE came to; `sent` where the gateway died before it answered. */
  cancel: 'none' | 'sent' | 'cancelled' | 'refused'
  /** On the monotonic clock; null until the DELETE was answered. */
  cancelledAt: number | null
  /** How often it was interrupted after it was marked as dispatched, so that it may have been sent again. */
  dispatchedKills: number
}

const uuid = (last: number): string => `00000000-0000-4000-8000-${String(last).padStart(12, '0')}`
export const crashKeys = [1, 2, 3].map((last) => `sk-bf-${uuid(last)}`)
export const nativePath = '/v1/async/chat/completions'
const paths = [nativePath, '/v1/chat/completions', '/openai/v1/chat/completions']

export const drainGraceMs = 1000

export const crashConfig = (upstreamUrl: string): object => ({
  version: 1,
  server: { drain: { delay: '0s', grace: `${drainGraceMs}ms` } },
  auth: { admin: { username: 'admin', password: 'crash-admin-password' } },
  // Each call that arrives is one that a kill has to answer for.
  providers: { sim: { type: 'openai-compatible', base_url: upstreamUrl, retries: { max: 0 } } },
  virtual_keys: crashKeys.map((value, index) => ({ name: `owner-${index + 1}`, value })),
})

/** With `unkind` some are cancelled and some leave after a second. */
export function makeCases(
  round: number,
  jobs: number,
  chance: Chance,
  { unkind = false } = {},
): CrashCase[] {
  return Array.from({ length: jobs }, (_, number) => {
    const hasKey = chance.happens(0.5)
    const isShort = unkind && chance.happens(0.25)
    return {
      model: `r${round}-${number}`,
      key: chance.pick(crashKeys),
      path: chance.pick(paths),
      idempotencyKey: hasKey ? `once-${round}-${number}` : null,
      // The repeat of what is gone by then is another job, as it should be.
      repeats: !isShort && (hasKey || chance.happens(0.5)),
      failsOnInterrupt: chance.happens(0.1),
      ttlS: isShort ? 1 : null,
      cancelAfterMs: unkind && chance.happens(0.2) ? chance.below(80) : null,
      acknowledgedId: null,
      isWritten: false,
      cancel: 'none',
      cancelledAt: null,
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
  const { model, key, path, idempotencyKey, failsOnInterrupt, ttlS } = crashCase
  const answer = await client.send('POST', path, {
    key,
    headers: {
      ...(path === nativePath ? {} : { 'x-bf-async': 'true' }),
      ...(failsOnInterrupt ? { 'x-bf-async-on-interrupt': 'fail' } : {}),
      ...(ttlS === null ? {} : { 'x-bf-async-job-result-ttl': String(ttlS) }),
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

/** An answer that is no acknowledgement: unlike a broken connection, none may come unless the gateway drains. */
export class RefusedSubmit extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

function readId({ status, headers, text }: Answer): string {
  const id = status === 200 || status === 202 ? (JSON.parse(text) as { id?: unknown }).id : null
  const named = headers['x-bf-async-id']
  if (typeof id === 'string' && named === id) return id
  // A repeat is answered with the job as it is by now, and what is done has the provider's id in its body.
  if (typeof named === 'string') return named
  throw new RefusedSubmit(`a submit was answered with ${status}: ${text.slice(0, 500)}`, status)
}

/** Rejects where the gateway dies before it answers. */
export async function cancelCase(
  client: JobClient,
  crashCase: CrashCase,
  onWritten: () => void,
): Promise<Answer> {
  const answer = await client.send('DELETE', `${nativePath}/${crashCase.acknowledgedId}`, {
    key: crashCase.key,
    onWritten: () => {
      crashCase.cancel = 'sent'
      onWritten()
    },
  })
  if (answer.status === 200) crashCase.cancel = 'cancelled'
  // It was done before, and what is kept for a second only may be gone as well.
  else if (answer.status === 409 || (answer.status === 404 && crashCase.ttlS !== null))
    crashCase.cancel = 'refused'
  crashCase.cancelledAt = performance.now()
  return answer
}

export const isInterrupted = ({ failsOnInterrupt, dispatchedKills }: CrashCase): boolean =>
  failsOnInterrupt && dispatchedKills > 0
