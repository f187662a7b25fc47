import { GatewayError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { SettleDeps } from '../gateway/settle.ts'
import type { Sealer } from '../governance/sealer.ts'
import { countSoon } from '../jobs/count-soon.ts'
import { JobQueue } from '../jobs/job-queue.ts'
import { JobWatch } from '../jobs/job-watch.ts'
import { JobWorker } from '../jobs/job-worker.ts'
import { Timekeeper } from '../jobs/timekeeper.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Log } from '../sinks/log.ts'
import type { Store } from '../store/store.ts'

export interface JobParts {
  readonly store: Store
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly metrics: Metrics
  readonly settling: SettleDeps
  readonly sealer: Sealer
  readonly logger: Log['logger']
}

/** What hands in jobs and what runs them, over one store. */
export function createJobs(parts: JobParts): { queue: JobQueue; worker: JobWorker } {
  const { store, gateway, runtime, metrics, settling, sealer, logger } = parts
  const time = new Timekeeper(runtime.clock, store, (byMs) =>
    logger.warn({ by_ms: Math.round(byMs) }, 'the wall clock was set; jobs go on by their own'),
  )
  const watch = new JobWatch(runtime.clock)
  const shared = { store, gateway, runtime, time, watch, sealer }
  const worker = new JobWorker({
    ...shared,
    settling,
    metrics,
    node: runtime.randomId(),
    warn: ({ code, message, cause }, what) =>
      logger.warn(
        { code, reason: message, cause: cause instanceof Error ? cause.message : undefined },
        what,
      ),
  })
  const cancelled = new GatewayError('job_cancelled', 'This job was cancelled')
  const queue = new JobQueue({
    ...shared,
    redact: settling.redact,
    onSubmitted: () => worker.wake(),
    onCancelled: (id) => worker.abort(id, cancelled),
  })
  metrics.watchJobs(
    () => countSoon(store, runtime.clock),
    () => time.now(),
  )
  return { queue, worker }
}
