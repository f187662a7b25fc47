import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import type { JobCounts } from '../store/job-store.ts'
import type { Store } from '../store/store.ts'

const limitMs = 2000

/** Rejects where the store takes long: whoever asks for all numbers at once would else miss the others with these. */
export async function countSoon(store: Pick<Store, 'countJobs'>, clock: Clock): Promise<JobCounts> {
  const answered = new AbortController()
  const late = clock.sleep(limitMs, answered.signal).then(() => {
    throw new GatewayError('storage_unavailable', 'The store is slow to answer.')
  })
  try {
    return await Promise.race([store.countJobs(), late])
  } finally {
    answered.abort()
  }
}
