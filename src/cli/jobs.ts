import { type LoadOptions, loadConfig } from '../config/load.ts'
import {
  askGateway,
  describeAnswer,
  errorIn,
  findGateway,
  type GatewayAddress,
  type GatewayAnswer,
} from './ask-gateway.ts'
import type { JobsAsk } from './jobs-ask.ts'
import { type JobFields, renderJob, renderJobList } from './jobs-text.ts'
import { UsageError } from './usage-error.ts'

export interface JobsOptions extends LoadOptions {
  readonly ask: JobsAsk
  /** As it was answered, one JSON object per line. */
  readonly json: boolean
  readonly stdout: { write(text: string): unknown }
}

/** Asks the running gateway as the admin and prints what it says. Throws a UsageError with one paragraph. */
export async function runJobs(options: JobsOptions): Promise<void> {
  const { ask, json, stdout } = options
  const loaded = loadConfig(options)
  const gateway = findGateway(loaded, ask.url, options.env)
  if (ask.action === 'list') {
    const page = await call(gateway, 'GET', `/v1/async/jobs?${new URLSearchParams(ask.filter)}`)
    const jobs = page['data'] as readonly JobFields[]
    if (json) for (const job of jobs) stdout.write(`${JSON.stringify(job)}\n`)
    else stdout.write(`${renderJobList(jobs, Date.now())}${more(page, jobs, ask.filter)}`)
    return
  }
  const id = ask.id ?? ''
  const path = `/v1/async/chat/completions/${encodeURIComponent(id)}`
  const job = await call(gateway, ask.action === 'cancel' ? 'DELETE' : 'GET', path, id)
  if (json) stdout.write(`${JSON.stringify(job)}\n`)
  else if (ask.action === 'show') stdout.write(renderJob(job, Date.now()))
  else stdout.write(`Job ${id} is cancelled. What it had under way at a provider was aborted.\n`)
}

/** The command that shows the next page. */
function more(page: JobFields, jobs: readonly JobFields[], filter: JobsAsk['filter']): string {
  if (page['has_more'] !== true) return ''
  const flags = Object.entries({ ...filter, after: String(jobs.at(-1)?.['id']) })
  const given = flags.map(([name, value]) => `--${name} ${value}`)
  return `\nOlder ones: sluice jobs list ${given.join(' ')}\n`
}

async function call(
  gateway: GatewayAddress,
  method: 'GET' | 'DELETE',
  path: string,
  id = '',
): Promise<JobFields> {
  const answer = await askGateway(gateway, method, path)
  if (answer.ok && answer.body !== null && !isListGone(path, answer.body)) return answer.body
  throw describeRefusal(answer, gateway, id)
}

const isListGone = (path: string, body: JobFields): boolean =>
  path.startsWith('/v1/async/jobs') && !Array.isArray(body['data'])

function describeRefusal(answer: GatewayAnswer, gateway: GatewayAddress, id: string): UsageError {
  const { code } = errorIn(answer.body)
  if (answer.status !== 401 && code === 'job_not_found')
    return new UsageError(
      `There is no job ${id} at ${gateway.url}. It never was, or its result has expired: sluice jobs list shows those that are kept.`,
      1,
    )
  if (answer.status !== 401 && code === 'job_terminal')
    return new UsageError(
      `Job ${id} has already ended, so there is nothing to cancel: sluice jobs show ${id} tells how.`,
      1,
    )
  return describeAnswer(answer, gateway, 'jobs')
}
