import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { LoadedConfig, LoadOptions } from '../config/load.ts'
import { firstRunFile } from './first-run.ts'
import { UsageError } from './usage-error.ts'

const limitMs = 15_000

export type Fields = Readonly<Record<string, unknown>>

/** Nothing answers there. */
export class UnreachableError extends UsageError {}

export interface GatewayAddress extends Password {
  readonly url: string
  readonly username: string
}

/** Where the running gateway is, and how the admin comes in. Throws a UsageError where one of them is not known. */
export const findGateway = (
  loaded: LoadedConfig,
  url: string | null,
  env: LoadOptions['env'],
): GatewayAddress => ({
  url: url ?? addressOf(loaded.config),
  username: loaded.config.auth.admin.username,
  ...findPassword(loaded, env),
})

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

export interface GatewayAnswer {
  readonly status: number
  readonly ok: boolean
  /** Null where it is no JSON object. */
  readonly body: Fields | null
}

/** One request as the admin. Throws an UnreachableError. */
export async function askGateway(
  gateway: GatewayAddress,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: Fields,
): Promise<GatewayAnswer> {
  const basic = Buffer.from(`${gateway.username}:${gateway.password}`).toString('base64')
  const answer = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Basic ${basic}`,
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(limitMs),
  }).catch((thrown: unknown) => {
    throw unreachable(gateway.url, thrown)
  })
  return { status: answer.status, ok: answer.ok, body: await readJson(answer) }
}

async function readJson(answer: Response): Promise<Fields | null> {
  try {
    const value: unknown = JSON.parse(await answer.text())
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

function unreachable(url: string, thrown: unknown): UnreachableError {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown
  const { code, name } = cause as NodeJS.ErrnoException
  const why =
    name === 'TimeoutError'
      ? `does not answer within ${limitMs / 1000} s`
      : `cannot be reached (${code ?? name})`
  return new UnreachableError(
    `The gateway at ${url} ${why}. Is it running there? Start it with sluice serve, or give its address with --url.`,
    1,
    { cause: thrown },
  )
}

/** What every command says in one way of an answer that refuses. `what` is what it does not know otherwise. */
export function describeAnswer(
  { status, body }: Pick<GatewayAnswer, 'status' | 'body'>,
  { url, username, source }: GatewayAddress,
  what: string,
): UsageError {
  const { message } = errorIn(body)
  if (status === 401)
    return new UsageError(
      `The gateway at ${url} refuses the admin's password for ${JSON.stringify(username)} that was found in ${source}.`,
      1,
    )
  if (typeof message !== 'string' || status < 300)
    return new UsageError(
      `What answers at ${url} is no Sluice that knows ${what} (status ${status}). Give the gateway's address with --url.`,
      1,
    )
  return new UsageError(`The gateway at ${url} refused (${status}): ${message}`, 1)
}

export const errorIn = (body: Fields | null): Fields => (body?.['error'] ?? {}) as Fields
