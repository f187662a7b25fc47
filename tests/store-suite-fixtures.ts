import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { JobWithResult } from '../src/core/job.ts'
import type {
  Claim,
  ClaimedJob,
  ClaimRules,
  JobEnd,
  NewJob,
  QueueLimits,
} from '../src/store/job-store.ts'
import type { Store } from '../src/store/store.ts'

export const roomy: QueueLimits = { queued: 10_000, queuedPerOwner: 10_000, bytes: 2 ** 40 }

export function newJob(differences: Partial<NewJob> = {}): NewJob {
  return {
    id: randomUUID(),
    owner: 'ann',
    route: '/v1/chat/completions',
    model: 'openai/gpt-4o',
    fingerprint: randomUUID(),
    idempotencyKey: null,
    idempotentUntil: 0,
    sameSince: null,
    onInterrupt: 'rerun',
    maxAttempts: 3,
    ttlMs: 1000,
    context: '{"a":1}',
    payloadVersion: 1,
    body: Buffer.from('{"model":"openai/gpt-4o"}'),
    ...differences,
  }
}

/** What a job looks like when it was just submitted at `now`. */
export function queued(job: NewJob, now: number): JobWithResult {
  const { id, owner, route, model, ttlMs } = job
  return {
    id,
    owner,
    route,
    model,
    state: 'queued',
    attempt: 0,
    ttlMs,
    createdAt: now,
    completedAt: null,
    expiresAt: null,
    statusCode: null,
    errorCode: null,
    result: null,
  }
}

export async function submit(
  store: Store,
  differences: Partial<NewJob> = {},
  now = 1,
): Promise<NewJob> {
  const job = newJob(differences)
  assert.deepEqual(await store.submitJob(job, roomy, now), {
    kind: 'created',
    job: queued(job, now),
  })
  return job
}

/** Several of one owner, the oldest first; the time grows by 1 with each. */
export async function submitMany(
  store: Store,
  owner: string,
  count: number,
  now = 1,
): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.push((await submit(store, { owner }, now + i)).id)
  return ids
}

export const claim = (
  store: Store,
  differences: Partial<ClaimRules> = {},
  now = 100,
): Promise<readonly ClaimedJob[]> =>
  store.claimJobs(
    {
      node: 'node-1',
      most: 10,
      runningPerOwner: 100,
      payloadVersion: 1,
      leaseUntil: now + 30_000,
      ...differences,
    },
    now,
  )

/** The one job that waits, taken. */
export async function claimOne(
  store: Store,
  differences: Partial<ClaimRules> = {},
  now = 100,
): Promise<ClaimedJob> {
  const [job] = await claim(store, { most: 1, ...differences }, now)
  assert.ok(job, 'nothing was there to be taken')
  return job
}

/** A claim alone, as a worker holds it. */
export const holdOn = ({ id, fence }: Claim): Claim => ({ id, fence })

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export const success: JobEnd = {
  state: 'succeeded',
  statusCode: 200,
  errorCode: null,
  result: bytesOf('{"object":"chat.completion"}'),
}

export const failure = (errorCode: string, statusCode = 500): JobEnd => ({
  state: 'failed',
  statusCode,
  errorCode,
  result: bytesOf(`{"error":{"code":"${errorCode}"}}`),
})

export const ends = { interrupted: failure('job_interrupted'), poisoned: failure('poison') }

export async function read(store: Store, id: string, now = 200): Promise<JobWithResult> {
  const job = await store.findJob(id, now)
  assert.ok(job, `job ${id} is gone`)
  return job
}

export const stateOf = async (store: Store, id: string, now = 200): Promise<string> => {
  const { state, attempt, errorCode } = await read(store, id, now)
  return errorCode === null ? `${state} ${attempt}` : `${state} ${attempt} ${errorCode}`
}

/** Every write of a worker with this claim comes to nothing, and the job stays as it is. */
export async function assertLost(store: Store, held: Claim, node = 'node-1'): Promise<void> {
  const before = await store.findJob(held.id, 200)
  assert.equal(await store.markJobDispatched(held, 200), false)
  assert.equal(await store.finishJob(held, success, 200), false)
  assert.equal(await store.handBackJob(held, ends, 200), false)
  assert.deepEqual(await store.keepJobs(node, [held], 1e12, 200), [held.id])
  assert.deepEqual(await store.findJob(held.id, 200), before)
}
