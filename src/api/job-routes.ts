import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import { type JobStatus, jobStatuses } from '../core/job.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import { isJobId, toJobId } from './async-calls.ts'
import { identify } from './identify.ts'
import type { Inference } from './inference.ts'
import { describeAsJob, listedJob } from './job-replies.ts'
import { type JobRoad, pollRoad, submitRoad } from './job-roads.ts'
import { jobListPath, jobsPath } from './route-table.ts'

export interface JobRoutesDeps {
  readonly gateway: Gateway
  readonly inference: Inference
  readonly jobs: Pick<JobQueue, 'cancel' | 'list'>
  readonly runtime: Runtime
}

/** The addresses that are for jobs alone. Submits and polls are calls like any other and leave a record. */
export function addJobRoutes(app: FastifyInstance, deps: JobRoutesDeps): void {
  const { gateway, inference, jobs, runtime } = deps
  const serve = (request: FastifyRequest, reply: FastifyReply, route: string, road: JobRoad) => {
    reply.hijack()
    const match = { surface: 'openai', route, deployment: null, query: '' } as const
    inference.handle(request.raw, reply.raw, match, road)
    return reply
  }
  const identified = ({ raw }: FastifyRequest) => {
    const { door, config } = gateway.snapshot
    return identify(raw, door, config.server, runtime.clock.now())
  }
  app.post(jobsPath, (request, reply) => serve(request, reply, jobsPath, submitRoad))
  // Not by a parameter of the router: an overlong one would be no route, and must look like any unknown id.
  app.get(`${jobsPath}/*`, (request, reply) =>
    serve(request, reply, `${jobsPath}/{id}`, pollRoad(idOf(request))),
  )
  app.delete(`${jobsPath}/*`, async (request, reply) => {
    const principal = await identified(request)
    const { headers, body } = describeAsJob(await jobs.cancel(toJobId(idOf(request)), principal))
    for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] ?? '', headers[at + 1])
    return reply.header('x-content-type-options', 'nosniff').type('application/json').send(body)
  })
  app.get(jobListPath, async (request) => {
    const principal = await identified(request)
    const filter = readFilter(request.query as Query)
    // One more than is shown tells whether there are more.
    const found = await jobs.list(principal, { ...filter, limit: filter.limit + 1 })
    const data = found.slice(0, filter.limit).map(listedJob)
    return { object: 'list', data, has_more: found.length > filter.limit }
  })
}

const idOf = (request: FastifyRequest): string => (request.params as { '*': string })['*']

type Query = Readonly<Record<string, string | readonly string[] | undefined>>

function readFilter(query: Query) {
  const { status, limit, after } = query as Readonly<Record<'status' | 'limit' | 'after', unknown>>
  return { status: readStatus(status), limit: readLimit(limit), after: readAfter(after) }
}

function readStatus(value: unknown): JobStatus | null {
  if (value === undefined) return null
  const status = jobStatuses.find((known) => known === value)
  if (status) return status
  throw invalid('status', `must be one of ${jobStatuses.join(', ')}`)
}

function readLimit(value: unknown): number {
  if (value === undefined) return 20
  const limit = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0
  if (limit >= 1 && limit <= 100) return limit
  throw invalid('limit', 'must be a whole number from 1 to 100')
}

function readAfter(value: unknown): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && isJobId(value)) return value.toLowerCase()
  throw invalid('after', 'must be the id of a job, the last of the page before')
}

const invalid = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `"${param}" in the address ${what}`, { param })
