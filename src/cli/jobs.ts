import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { type LoadedConfig, type LoadOptions, loadConfig } from '../config/load.ts'
import { firstRunFile } from './first-run.ts'
import type { JobsAsk } from './jobs-ask.ts'
import { type JobFields, renderJob, renderJobList } from './jobs-text.ts'
import { UsageError } from './usage-error.ts'

const limitMs = 15_000

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
  const gateway = {
    url: ask.url ?? addressOf(loaded.config),
    username: loaded.config.auth.admin.username,
    ...findPassword(loaded, options.env),
  }
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

function addressOf({ server }: Config): string {
  if (server.port === 0)
    throw new UsageError(
      'The configuration leaves the port open, so the address of the running gateway is not known: give it with --url.',
      2,
    )
  // Bound to every address, it is reached on this machine's own.
  const host =
    { '0.0.0.0': '127.0.0.1', '::': '[::1]', '::0': '[::1]' }[server.host] ??
    (server.host.includes(':') ? `[${server.host}]` : server.host)
  return `http://${host}:${server.port}`
}

interface Password {
  readonly password: string
  /** Where it was found, for whoever has to correct it. */
  readonly source: string
}

interface Gateway extends Password {
  readonly url: string
  readonly username: string
}

function findPassword({ config, settings }: LoadedConfig, env: LoadOptions['env']): Password {
  const configured = config.auth.admin.password
  if (configured !== null) {
    const setting = settings.find(({ path }) => path === 'auth.admin.password')
    return { password: configured, source: setting?.reference ?? setting?.origin ?? 'the file' }
  }
  const given = env['SLUICE_ADMIN_PASSWORD']
  if (given) return { password: given, source: 'SLUICE_ADMIN_PASSWORD' }
  const file = firstRunFile(config)
  const password = /^password: (\S+)$/m.exec(readIfThere(file))?.[1]
  if (password !== undefined) return { password, source: file }
  throw new UsageError(
    `The admin's password is not known here: it is not in the configuration (auth.admin.password), not in SLUICE_ADMIN_PASSWORD and not in ${file}. Set SLUICE_ADMIN_PASSWORD to it.`,
    2,
  )
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // Another data folder, or the file was removed as it should be once it is read.
  }
}

async function call(
  gateway: Gateway,
  method: 'GET' | 'DELETE',
  path: string,
  id = '',
): Promise<JobFields> {
  const basic = Buffer.from(`${gateway.username}:${gateway.password}`).toString('base64')
  const answer = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Basic ${basic}`, accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(limitMs),
  }).catch((thrown: unknown) => {
    throw unreachable(gateway.url, thrown)
  })
  const body = await readJson(answer)
  if (answer.ok && body !== null && !isListGone(path, body)) return body
  throw describeRefusal(answer.status, body, gateway, id)
}

const isListGone = (path: string, body: JobFields): boolean =>
  path.startsWith('/v1/async/jobs') && !Array.isArray(body['data'])

async function readJson(answer: Response): Promise<JobFields | null> {
  try {
    const value: unknown = JSON.parse(await answer.text())
    return typeof value === 'object' && value !== null ? (value as JobFields) : null
  } catch {
    return null
  }
}

function unreachable(url: string, thrown: unknown): UsageError {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown
  const { code, name } = cause as NodeJS.ErrnoException
  const why =
    name === 'TimeoutError'
      ? `does not answer within ${limitMs / 1000} s`
      : `cannot be reached (${code ?? name})`
  return new UsageError(
    `The gateway at ${url} ${why}. Is it running there? Start it with sluice serve, or give its address with --url.`,
    1,
    { cause: thrown },
  )
}

function describeRefusal(
  status: number,
  body: JobFields | null,
  { url, username, source }: Gateway,
  id: string,
): UsageError {
  const error = (body?.['error'] ?? {}) as JobFields
  const message = typeof error['message'] === 'string' ? error['message'] : null
  if (status === 401)
    return new UsageError(
      `The gateway at ${url} refuses the admin's password for ${JSON.stringify(username)} that was found in ${source}.`,
      1,
    )
  if (error['code'] === 'job_not_found')
    return new UsageError(
      `There is no job ${id} at ${url}. It never was, or its result has expired: sluice jobs list shows those that are kept.`,
      1,
    )
  if (error['code'] === 'job_terminal')
    return new UsageError(
      `Job ${id} has already ended, so there is nothing to cancel: sluice jobs show ${id} tells how.`,
      1,
    )
  if (message === null || status < 300)
    return new UsageError(
      `What answers at ${url} is no Sluice that knows jobs (status ${status}). Give the gateway's address with --url.`,
      1,
    )
  return new UsageError(`The gateway at ${url} refused (${status}): ${message}`, 1)
}
