import { GatewayError } from '../core/errors.ts'
import type { Sealer } from '../governance/sealer.ts'
import { resealContext } from '../jobs/job-context.ts'
import type { Log } from '../sinks/log.ts'
import type { AccessStore, SealedText } from '../store/access-store.ts'

export interface Resealed {
  /** Texts that are sealed with the key of now since this. */
  readonly resealed: number
  /** Texts that neither key opens. They are left as they are. */
  readonly unreadable: readonly Pick<SealedText, 'place' | 'id'>[]
}

const atOnce = 100

/**
 * Seals everything in the store anew that a former key sealed. Ended in the middle it is simply begun again: what is done
 * is known by the key that opens it. Rejects where the store cannot be read or written.
 */
export async function resealAll(
  store: Pick<AccessStore, 'listSealed' | 'resealKeys'>,
  sealer: Sealer,
  signal: AbortSignal,
): Promise<Resealed> {
  let resealed = 0
  const unreadable: Pick<SealedText, 'place' | 'id'>[] = []
  for (let after: SealedText | null = null; ; ) {
    const found: readonly SealedText[] = await store.listSealed(after, atOnce)
    const entries = found.flatMap((each) => {
      try {
        const text = resealText(each, sealer)
        return text === null ? [] : [{ ...each, was: each.text, text }]
      } catch {
        unreadable.push({ place: each.place, id: each.id })
        return []
      }
    })
    if (signal.aborted) throw signal.reason
    // What changed meanwhile was written with the key of now.
    if (entries.length > 0) resealed += await store.resealKeys(entries, null)
    after = found.at(-1) ?? null
    if (found.length < atOnce || after === null) return { resealed, unreadable }
  }
}

/** Does so beside everything else, and tells how it went. Answers how to stop; the next start goes on with it. */
export function resealBeside(
  store: Pick<AccessStore, 'listSealed' | 'resealKeys'>,
  sealer: Sealer,
  { logger }: Pick<Log, 'logger'>,
): () => void {
  const stop = new AbortController()
  resealAll(store, sealer, stop.signal).then(
    ({ resealed, unreadable }) => {
      for (const each of unreadable)
        logger.error(
          each,
          'what is sealed there opens with neither encryption key, and is left as it is',
        )
      logger.info(
        { resealed, unreadable: unreadable.length },
        unreadable.length > 0
          ? 'what the old encryption key sealed is sealed anew, but for what opens with neither'
          : 'everything in the store is sealed with SLUICE_ENCRYPTION_KEY: once every gateway on it says so, SLUICE_ENCRYPTION_KEY_OLD can go',
      )
    },
    (thrown: unknown) => {
      if (stop.signal.aborted) return
      const { message: reason } = GatewayError.from(thrown)
      logger.warn(
        { reason },
        'what the old encryption key sealed is not all sealed anew; the next start goes on with it',
      )
    },
  )
  return () => stop.abort(new Error('the process ends'))
}

function resealText({ place, id, text }: SealedText, sealer: Sealer): string | null {
  if (place === 'job') return resealContext(text, sealer)
  if (place === 'provider_key') return sealer.reseal(text, id)
  const { sealed, ...settings } = JSON.parse(text) as { readonly sealed?: unknown }
  if (sealed === undefined) return null
  if (typeof sealed !== 'string') throw new GatewayError('internal_error', 'It is no sealed text')
  const next = sealer.reseal(sealed, id)
  return next === null ? null : JSON.stringify({ ...settings, sealed: next })
}
