import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasBaseUrlOfKeys } from '../src/config/cloud-keys.ts'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { Metrics } from '../src/observability/metrics.ts'
import { providerTypes } from '../src/providers/registry.ts'
import { renderConfiguration } from './config-table.ts'
import { renderErrors } from './error-table.ts'

const root = fileURLToPath(new URL('../', import.meta.url))

/** What stands between `<!-- generated: NAME -->` and `<!-- /generated -->` in a page. */
const sections: Readonly<Record<string, () => string | Promise<string>>> = {
  errors: renderErrors,
  configuration: renderConfiguration,
  'command-line': renderHelp,
  'provider-types': renderProviderTypes,
  metrics: renderMetrics,
}

/** Every page with generated parts, and the schema, as they should be: path from the root to text. */
export async function renderDocs(): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>()
  for (const page of globSync('docs/**/*.md', { cwd: root }).sort()) {
    const text = readFileSync(join(root, page), 'utf8')
    if (text.includes('<!-- generated: ')) pages.set(page, await fillIn(text, page))
  }
  const schema = 'docs/reference/sluice.schema.json'
  const types = [...providerTypes.keys()]
  pages.set(schema, format(JSON.stringify(configJsonSchema(types)), schema))
  return pages
}

async function fillIn(text: string, page: string): Promise<string> {
  const pattern = /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- \/generated -->)/g
  let filled = ''
  let from = 0
  for (const match of text.matchAll(pattern)) {
    const [whole, opening, name, closing] = match
    const render = sections[name ?? '']
    if (!render) throw new Error(`${page} asks for a part "${name}" that nothing generates`)
    filled += `${text.slice(from, match.index)}${opening}\n${await render()}\n\n${closing}`
    from = match.index + whole.length
  }
  return filled + text.slice(from)
}

function renderHelp(): string {
  const { stdout } = run([join(root, 'src/main.ts'), '--help'])
  return `\`\`\`text\n${stdout.trimEnd()}\n\`\`\``
}

function renderProviderTypes(): string {
  const rows = [...providerTypes.values()].map(({ type, defaultBaseUrl, envKeys, envBaseUrl }) => {
    const url = type === 'demo' ? 'none: built in' : (defaultBaseUrl ?? whereElse(type))
    const names = [...envKeys, ...(envBaseUrl ? [envBaseUrl] : [])]
    return `| \`${type}\` | ${url} | ${names.map((name) => `\`${name}\``).join(', ')} |`
  })
  return ['| type | base URL | found in the environment by |', '| --- | --- | --- |', ...rows].join(
    '\n',
  )
}

const whereElse = (type: string): string =>
  hasBaseUrlOfKeys(type) ? 'follows from the keys' : 'must be given'

async function renderMetrics(): Promise<string> {
  const metrics = new Metrics('')
  metrics.watch(() => ({
    calls: 0,
    streams: 0,
    droppedLines: 0,
    openBreakers: 0,
    strain: 0,
    strains: {},
    connections: 0,
    refusedConnections: 0,
    storeCommands: 0,
    ledgerLines: 0,
    requestLog: { lost: 0, waiting: 0, bytes: 0 },
  }))
  metrics.watchJobs(
    async () => ({ queued: 0, running: 0, oldestQueuedAt: null }),
    () => 0,
  )
  const text = await metrics.text()
  const rows = [...text.matchAll(/^# HELP (sluice_\w+) (.*)$/gm)].map(([, name, help]) => {
    const kind = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(text)?.[1]
    return `| \`${name}\` | ${kind} | ${help} |`
  })
  return ['| metric | kind | |', '| --- | --- | --- |', ...rows].join('\n')
}

/** As the formatter of the checkout would leave it. */
function format(text: string, path: string): string {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  return run([biome, 'format', `--stdin-file-path=${path}`], text).stdout
}

function run(args: readonly string[], input = ''): { stdout: string } {
  const done = spawnSync(process.execPath, args, { cwd: root, input, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${args.join(' ')} failed: ${done.stderr}`)
  return done
}

if (import.meta.main)
  for (const [page, text] of await renderDocs()) writeFileSync(join(root, page), text)
