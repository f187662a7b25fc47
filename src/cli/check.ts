import { ConfigError, renderConfigError } from '../config/config-error.ts'
import { type LoadedConfig, type LoadOptions, loadConfig } from '../config/load.ts'
import { maskUrl } from '../config/mask.ts'

interface Output {
  write(text: string): unknown
  /** Width of the terminal; absent when piped. */
  readonly columns?: number
}

export interface CheckOptions extends LoadOptions {
  readonly stdout: Output
  readonly stderr: Output
  /** One JSON object per line instead of the table. */
  readonly json?: boolean
}

/** Validates the configuration offline and prints the effective one. Returns the exit code: 0 or 2. */
export async function runCheck(options: CheckOptions): Promise<number> {
  const { stdout, stderr, json } = options
  try {
    const loaded = loadConfig(options)
    stdout.write(json ? renderJson(loaded) : renderText(loaded, options))
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (json)
      stdout.write(lines(error.problems.map((problem) => ({ kind: 'problem', ...problem }))))
    else stderr.write(`${renderConfigError(error)}\n`)
    return 2
  }
}

function renderJson(loaded: LoadedConfig): string {
  return lines([
    { kind: 'result', file: loaded.file, valid: true },
    ...loaded.settings.map((setting) => ({ kind: 'setting', ...setting })),
    ...[...loaded.config.providers.values()].map(({ name, proxy }) => ({
      kind: 'route',
      provider: name,
      proxy: proxy === null ? null : maskUrl(proxy),
    })),
    ...loaded.warnings.map((message) => ({ kind: 'warning', message })),
    ...loaded.notInForce.map((path) => ({ kind: 'not-in-force', path })),
  ])
}

const lines = (objects: readonly object[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join('')

function renderText(loaded: LoadedConfig, { env, stdout }: CheckOptions): string {
  const table = loaded.settings.map(({ path, value, origin, reference }) => [
    path,
    value,
    origin,
    reference ?? '',
  ])
  const title = loaded.file === null ? 'no configuration file: defaults' : `${loaded.file}: valid`
  const sections = [title, ...fitTable(table, stdout.columns), ...renderProxies(loaded, env)]
  for (const warning of loaded.warnings) sections.push(`warning: ${warning}`)
  if (loaded.notInForce.length > 0)
    sections.push(`accepted, but not in force in this version: ${loaded.notInForce.join(', ')}`)
  return `${sections.join('\n')}\n`
}

/** Aligned columns; the last ones go first where the terminal is too narrow. */
function fitTable(
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  for (let columns = 4; ; columns--) {
    const widths = Array.from({ length: columns }, (_, i) =>
      Math.min(48, Math.max(0, ...rows.map((row) => row[i]?.length ?? 0))),
    )
    const text = rows.map((row) => {
      const cells = row.slice(0, columns).map((cell, i) => cell.padEnd(widths[i] ?? 0))
      return `  ${cells.join('  ')}`.trimEnd()
    })
    if (columns === 2 || text.every((line) => line.length <= width)) return text
  }
}

function renderProxies(loaded: LoadedConfig, env: LoadOptions['env']): string[] {
  const set = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy']
    .filter((name) => env[name])
    .map((name) => {
      const value = env[name] ?? ''
      return `${name}=${/^no/i.test(name) ? value : maskUrl(value)}`
    })
  const providers = [...loaded.config.providers.values()]
  if (set.length === 0 && providers.every((provider) => provider.proxy === null)) return []
  return [
    `proxy environment: ${set.join('  ') || 'none'}`,
    ...providers
      .filter((provider) => provider.baseUrl !== '')
      .map(
        ({ name, proxy }) =>
          `  ${name}  ${proxy === null ? 'direct' : `through ${maskUrl(proxy)}`}`,
      ),
  ]
}
