import { type Job, type JobWithResult, toJobStatus } from '../core/job.ts'
import { jobsPath } from './route-table.ts'

/** An answer that is ready to be written; headers are names and values in turn. */
export interface JobReply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Uint8Array
}

/** How a route tells where a job stands. */
export type DescribeJob = (job: JobWithResult) => JobReply

const isFinal = ({ state }: Job): boolean => state === 'succeeded' || state === 'failed'
const asJson = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const seconds = (ms: number): number => Math.floor(ms / 1000)
const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/**
 * As a chat completion: without choices while there is none, then what a synchronous caller would have got, to the
 * byte. A failed job must be an HTTP error, or the loop that waits for choices would never end.
 */
export const describeAsChat: DescribeJob = (job) => {
  const { id, model, createdAt, statusCode, result } = job
  const headers = headersOf(job)
  if (isFinal(job) && result !== null)
    return {
      status: statusCode ?? 200,
      headers: job.state === 'failed' ? [...headers, 'x-should-retry', 'false'] : headers,
      body: result,
    }
  const created = seconds(createdAt)
  const body = asJson({ id, object: 'chat.completion', created, model, choices: [] })
  return { status: 200, headers, body }
}

/** As a job, with its result inside once there is one. */
export const describeAsJob: DescribeJob = (job) => {
  const headers = headersOf(job)
  return isFinal(job)
    ? { status: 200, headers, body: jobBody(job) }
    : {
        status: 202,
        headers: [...headers, 'location', `${jobsPath}/${job.id}`],
        body: jobBody(job),
      }
}

function jobBody(job: JobWithResult): Buffer {
  const known = { id: job.id, status: toJobStatus(job.state), created_at: time(job.createdAt) }
  if (!isFinal(job)) return asJson(known)
  const ended = {
    ...known,
    completed_at: time(job.completedAt),
    expires_at: time(job.expiresAt),
    status_code: job.statusCode,
  }
  const result = job.result ?? new Uint8Array()
  if (job.state === 'failed') return asJson({ ...ended, error: innerError(result) })
  // The provider's bytes as they are: spacing, unknown fields and long numbers would not survive a parser.
  const open = JSON.stringify(ended).slice(0, -1)
  return Buffer.concat([Buffer.from(`${open},"result":`), result, Buffer.from('}')])
}

/** What of the gateway's own envelope is OpenAI's. */
const innerError = (envelope: Uint8Array): unknown =>
  (JSON.parse(Buffer.from(envelope).toString()) as { readonly error: unknown }).error

/** One line of a list. */
export const listedJob = (job: Job) => ({
  id: job.id,
  status: toJobStatus(job.state),
  model: job.model,
  owner: job.owner,
  route: job.route,
  attempt: job.attempt,
  created_at: new Date(job.createdAt).toISOString(),
  completed_at: time(job.completedAt),
  expires_at: time(job.expiresAt),
  status_code: job.statusCode,
  error_code: job.errorCode,
})

function headersOf(job: Job): readonly string[] {
  const headers = ['x-bf-async-id', job.id, 'x-bf-async-status', toJobStatus(job.state)]
  return isFinal(job) ? headers : [...headers, 'retry-after', '1']
}

/** What only the answer to a submit says besides. */
export function submitHeaders(job: Job, isNew: boolean): readonly string[] {
  const ttl = ['x-bf-async-job-result-ttl', String(Math.ceil(job.ttlMs / 1000))]
  return isNew ? ttl : [...ttl, 'idempotency-replayed', 'true']
}
