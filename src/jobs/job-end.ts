import { GatewayError } from '../core/errors.ts'
import type { JobEnd } from '../store/job-store.ts'
import { encodeError } from '../wire/openai-chat/error.ts'

/** How a job ends that failed: with the answer a synchronous caller would have got. */
export function failedWith(error: GatewayError): JobEnd {
  return {
    state: 'failed',
    statusCode: error.status,
    errorCode: error.code,
    result: encodeError(error),
  }
}

export const succeededWith = (body: Uint8Array): JobEnd => ({
  state: 'succeeded',
  statusCode: 200,
  errorCode: null,
  result: body,
})

const interrupted = failedWith(
  new GatewayError(
    'job_interrupted',
    'The gateway stopped while the provider was at work on this job, and it was submitted with x-bf-async-on-interrupt: fail. The provider may have billed it.',
  ),
)

const poisoned = failedWith(
  new GatewayError(
    'poison',
    'The gateway stopped each time it ran this job, as often as jobs.max_attempts allows, so it is not run again. The provider may have billed it.',
  ),
)

/** How a job ends that was cut off and is not to be run again. */
export const interruptionEnds = { interrupted, poisoned }

export const cancelledEnd = failedWith(
  new GatewayError('job_cancelled', 'This job was cancelled before it was done'),
)
