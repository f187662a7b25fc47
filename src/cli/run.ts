import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ConfigError, renderConfigError } from '../config/config-error.ts'
import type { Flags } from '../config/load.ts'
import { nearestName } from '../config/nearest.ts'
import { type JobsAsk, parseJobsAsk } from './jobs-ask.ts'
import { type KeysAsk, keyFlags, parseKeysAsk } from './keys-ask.ts'
import {
  type LogsAsk,
  logFlags,
  parseLogsAsk,
  parseUsageAsk,
  type UsageAsk,
  usageFlags,
} from './logs-ask.ts'
import { UsageError } from './usage-error.ts'

const commands = ['serve', 'check', 'keys', 'jobs', 'logs', 'usage'] as const
type Command = (typeof commands)[number]

const help = `sluice: one OpenAI-compatible address in front of every model provider

  sluice [serve] [flags]   starts the gateway
  sluice check [flags]     checks the configuration and shows what is in force
  sluice keys create NAME  makes a virtual key and prints it, this once
  sluice keys list         the virtual keys, newest first
  sluice keys revoke NAME  ends one, by its name or id
  sluice jobs list         the async jobs of the running gateway, newest first
  sluice jobs show ID      everything about one, with its result
  sluice jobs cancel ID    ends one, whatever it does
  sluice logs              the calls that were made, newest first
  sluice logs tail         the same as they end
  sluice logs show ID      everything about one
  sluice usage             what was used and what it cost

Flags, each with an environment twin (SLUICE_CONFIG, SLUICE_HOST, ...):
  --config FILE            default: ./sluice.yaml where there is one
  --host H                 default 127.0.0.1
  --port N                 default 8080; 0 takes any free one
  --data-dir DIR           default ./data
  --log-level LEVEL        trace, debug, info, warn, error or silent; default info
  --log-format FORMAT      pretty or json; default pretty on a terminal
  --json                   with all but serve: one JSON object per line
  --help, --version

Flags of all but serve and check, which ask the gateway as the admin (password: the configuration's,
else SLUICE_ADMIN_PASSWORD, else first-run.txt in the data folder). Where none runs, keys
works on the store itself:
  --url URL                default: host and port of the configuration
  --status STATUS          with jobs list: pending, processing, completed or failed
  --limit N, --after ID    with jobs list and logs: how many, default 20, and after which
  --since AGO              with logs and usage: such as 15m, 24h or 7d
  --key, --provider, --model, --route, --error, --status, --kind LIST
                           with logs: names with commas between; statuses such as 429,5xx
  --search TEXT            with logs: in request ids, user agents and errors
  --by LIST, --bucket B    with usage: key, team, customer, route, provider, model, outcome,
                           form; hour, day or month
  --models LIST            with keys create: names with commas between, * for any characters
  --requests, --tokens R   with keys create: a rate such as 100/1m
  --budget USD/PER         with keys create: such as 50/1d or 200/month
  --team NAME, --expires T with keys create: such as 2027-01-01T00:00:00Z

Examples
  sluice                                     a first answer without any setup
  sluice --config sluice.yaml --port 8080
  SLUICE_PORT=0 sluice check --json
  sluice keys create checkout --models 'openai/*' --budget 50/1d
  sluice jobs list --status failed --url http://gateway:8080
  sluice logs --status 5xx --since 1h
  sluice usage --by key,model --since 30d
`

/** The command line. Exit codes: 0 fine, 1 failure, 2 bad configuration or bad usage. */
export async function run(
  args: readonly string[],
  { front }: { readonly front: boolean },
): Promise<void> {
  try {
    const { command, flags, json, jobs, keys, logs, usage, wants } = parse(args)
    const version = readVersion()
    if (wants !== null) {
      process.stdout.write(wants === 'help' ? help : `${version}\n`)
      return
    }
    const where = { flags, env: process.env, cwd: process.cwd() }
    if (command === 'check') {
      const [{ runCheck }, { providerTypes }] = await Promise.all([
        import('./check.ts'),
        import('../providers/registry.ts'),
      ])
      process.exitCode = await runCheck({
        ...where,
        json,
        providerTypes: [...providerTypes.values()],
        stdout: process.stdout,
        stderr: process.stderr,
      })
    } else if (keys !== null) {
      const [{ runKeys }, { providerTypes }] = await Promise.all([
        import('./keys.ts'),
        import('../providers/registry.ts'),
      ])
      const types = [...providerTypes.values()]
      await runKeys({ ...where, providerTypes: types, ask: keys, json, stdout: process.stdout })
    } else if (jobs !== null) {
      const [{ runJobs }, { providerTypes }] = await Promise.all([
        import('./jobs.ts'),
        import('../providers/registry.ts'),
      ])
      const types = [...providerTypes.values()]
      await runJobs({ ...where, providerTypes: types, ask: jobs, json, stdout: process.stdout })
    } else if (logs !== null || usage !== null) {
      const [{ runLogs, runUsage }, { providerTypes }] = await Promise.all([
        import('./logs.ts'),
        import('../providers/registry.ts'),
      ])
      const types = [...providerTypes.values()]
      const shared = { ...where, providerTypes: types, json, stdout: process.stdout }
      if (logs) await runLogs({ ...shared, ask: logs })
      if (usage) await runUsage({ ...shared, ask: usage })
    } else {
      const { serve } = await import('./serve.ts')
      await serve({ ...where, version, front })
    }
  } catch (thrown) {
    if (thrown instanceof ConfigError) fail(renderConfigError(thrown), 2)
    else if (thrown instanceof UsageError) fail(thrown.message, thrown.exitCode)
    else fail(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown), 1)
  }
}

/** At once: the store's worker and the log would keep a failed start alive. */
function fail(message: string, code: 1 | 2): void {
  process.stderr.write(`${message.trimEnd()}\n`, () => process.exit(code))
}

interface Parsed {
  readonly command: Command
  readonly flags: Flags
  readonly json: boolean
  /** Null for every other command. */
  readonly jobs: JobsAsk | null
  readonly keys: KeysAsk | null
  readonly logs: LogsAsk | null
  readonly usage: UsageAsk | null
  readonly wants: 'help' | 'version' | null
}

const otherFlags = [
  'since',
  'key',
  'provider',
  'model',
  'route',
  'error',
  'kind',
  'search',
  'by',
  'bucket',
] as const
const options = {
  config: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  json: { type: 'boolean' },
  url: { type: 'string' },
  status: { type: 'string' },
  limit: { type: 'string' },
  after: { type: 'string' },
  models: { type: 'string' },
  team: { type: 'string' },
  requests: { type: 'string' },
  tokens: { type: 'string' },
  budget: { type: 'string' },
  expires: { type: 'string' },
  ...(Object.fromEntries(otherFlags.map((name) => [name, { type: 'string' as const }])) as Readonly<
    Record<(typeof otherFlags)[number], { readonly type: 'string' }>
  >),
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

function parse(args: readonly string[]): Parsed {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(options, token.name))
      throw unknown(
        'flag',
        token.rawName,
        Object.keys(options).map((name) => `--${name}`),
      )
    const { type } = options[token.name as keyof typeof options]
    if (type === 'string' && (token.value === undefined || token.value === ''))
      throw new UsageError(`${token.rawName} needs a value. sluice --help lists the flags.`, 2)
  }
  const [command = 'serve', ...rest] = positionals
  if (!commands.some((each) => each === command)) throw unknown('command', command, commands)
  const text = (name: keyof typeof options): string | undefined =>
    values[name] as string | undefined
  const wants = values.help === true ? 'help' : values.version === true ? 'version' : null
  const jobs = command === 'jobs' && wants === null ? readJobs(rest, text) : null
  const keys = command === 'keys' && wants === null ? readKeys(rest, text) : null
  const logs =
    command === 'logs' && wants === null ? parseLogsAsk(rest, read(logFlags, text)) : null
  const usage =
    command === 'usage' && wants === null ? parseUsageAsk(rest, read(usageFlags, text)) : null
  refuseMisplaced(command, text)
  if (ownFlags[command] === undefined) refuseRest(rest)
  const port = text('port')
  return {
    command: command as Command,
    flags: {
      ...(text('config') !== undefined && { config: text('config') as string }),
      ...(text('host') !== undefined && { host: text('host') as string }),
      ...(port !== undefined && { port: /^\d+$/.test(port) ? Number(port) : Number.NaN }),
      ...(text('data-dir') !== undefined && { dataDir: text('data-dir') as string }),
      ...(text('log-level') !== undefined && { logLevel: text('log-level') as string }),
      ...(text('log-format') !== undefined && { logFormat: text('log-format') as string }),
    },
    json: values.json === true,
    jobs,
    keys,
    logs,
    usage,
    wants,
  }
}

type ReadText = (name: keyof typeof options) => string | undefined

const readJobs = (words: readonly string[], text: ReadText): JobsAsk =>
  parseJobsAsk(words, {
    url: text('url'),
    status: text('status'),
    limit: text('limit'),
    after: text('after'),
  })

const readKeys = (words: readonly string[], text: ReadText): KeysAsk =>
  parseKeysAsk(words, {
    url: text('url'),
    models: text('models'),
    team: text('team'),
    requests: text('requests'),
    tokens: text('tokens'),
    budget: text('budget'),
    expires: text('expires'),
  })

function read<Flag extends keyof typeof options>(flags: readonly Flag[], text: ReadText) {
  const given = [...flags, 'url' as const].map((name) => [name, text(name)] as const)
  return Object.fromEntries(given) as Record<Flag | 'url', string | undefined>
}

const ownFlags: Readonly<Record<string, readonly (keyof typeof options)[]>> = {
  jobs: ['url', 'status', 'limit', 'after'],
  keys: ['url', ...keyFlags],
  logs: ['url', ...logFlags],
  usage: ['url', ...usageFlags],
}

function refuseMisplaced(command: string, text: ReadText): void {
  const mine = ownFlags[command] ?? []
  for (const [owner, flags] of Object.entries(ownFlags)) {
    const misplaced = flags.find((name) => text(name) !== undefined && !mine.includes(name))
    if (misplaced) throw new UsageError(`--${misplaced} belongs to sluice ${owner}.`, 2)
  }
}

function refuseRest(words: readonly string[]): void {
  if (words.length > 0) throw unknown('argument', String(words[0]), [])
}

function unknown(what: string, word: string, known: readonly string[]): UsageError {
  const nearest = nearestName(word, known)
  return new UsageError(
    `There is no ${what} "${word}".${nearest ? ` Did you mean "${nearest}"?` : ''} sluice --help lists what there is.`,
    2,
  )
}

function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
