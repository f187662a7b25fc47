// The programs under comparison, and how each is started.
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  executableOf,
  freePort,
  processTree,
  type Server,
  serverRoots,
  startServer,
  waitForLine,
  waitForPort,
} from '../processes.ts'
import { type BenchDialect, benchDialects, writeAnswers } from './dialects.ts'

export type Role = 'candidate' | 'base' | 'control' | 'nginx' | 'peer' | 'direct'

export interface Variant {
  readonly label: string
  readonly role: Role
  readonly port: number
  /** Lines as they stand in a request, e.g. `Authorization: Bearer x`. */
  readonly headers: readonly string[]
  readonly server: Server
  /** The processes whose CPU and memory count. Looked up anew: workers may come and go. */
  readonly pids: () => number[]
  /** Asks for a model of the provider of that name, where the answer must be translated. */
  readonly dialect?: string
}

/** What every start and every measurement needs to know. */
export interface Bench {
  /** A temporary folder for programs, configuration, logs and data. */
  readonly work: string
  readonly cores: { readonly proxy: string | null; readonly load: string | null }
  readonly upstream: Server & { readonly port: number }
  /** The Node binary that the gateway runs on; everything else on Node runs on it too. */
  readonly node: string
}

const virtualKey = `sk-bf-${randomUUID()}`
const providerKey = 'sk-upstream-0123456789abcdef'

function createVariant(
  label: string,
  role: Role,
  server: Server,
  port: number,
  roots: readonly number[],
  headers: readonly string[] = [],
): Variant {
  return {
    label,
    role,
    port,
    server,
    headers: [`Authorization: Bearer ${virtualKey}`, ...headers],
    pids: () => roots.flatMap((root) => processTree(root)),
  }
}

/** No proxy at all: what the added latency is added to. */
export function directVariant(upstream: Bench['upstream']): Variant {
  return createVariant('direct', 'direct', upstream, upstream.port, [])
}

export async function startUpstream(work: string, core: string | null): Promise<Bench['upstream']> {
  const logFile = path.join(work, 'upstream.log')
  const args = ['0', ...writeAnswers(work)]
  const server = startServer(path.join(work, 'upstream'), args, { core, logFile })
  const match = await waitForLine(server, /listening (\d+)/, 5000)
  return { ...server, port: Number(match[1]) }
}

/** Sluice from a checkout, with everything switched on that a production key would have. */
export async function startGateway(
  bench: Omit<Bench, 'node'>,
  gatewayDir: string,
): Promise<{ variant: Variant; node: string }> {
  const logFile = path.join(bench.work, 'gateway.log')
  const config = writeGatewayConfig(bench)
  const data = path.join(bench.work, 'data')
  const flags = ['--port', '0', '--config', config, '--data-dir', data]
  const args = ['start', '--silent', '--', ...flags]
  const server = startServer('npm', args, { core: bench.cores.proxy, cwd: gatewayDir, logFile })
  const match = await waitForLine(server, /listening on http:\/\/[^\s:]+:(\d+)/, 60_000)
  const port = Number(match[1])
  const roots = serverRoots(server.pid, port)
  const [root] = roots
  if (root === undefined) throw new Error(`no process of the gateway listens on port ${port}`)
  return {
    variant: createVariant('sluice', 'candidate', server, port, roots),
    node: executableOf(root),
  }
}

/**
 * Calls that Sluice translates, beside those that it passes through: these are their base, so that what the translation
 * costs stands alone. The raw relay is there for orientation.
 */
export function translatingVariants(variants: readonly Variant[]): Variant[] {
  const own = variants.find(({ role }) => role === 'candidate')
  const relay = variants.find(({ role }) => role === 'base')
  if (!own || !relay) return []
  return [
    { ...own, label: 'passed through', role: 'base' },
    { ...own, label: 'passed through again (A/A)', role: 'control' },
    ...benchDialects.map(
      ({ name }): Variant => ({ ...own, label: name, role: 'candidate', dialect: name }),
    ),
    { ...relay, label: 'undici relay', role: 'candidate' },
  ]
}

/** Limits and budget are high enough never to bite. Returns the file's path. */
export function writeGatewayConfig({ work, upstream }: Omit<Bench, 'node'>): string {
  const file = path.join(work, 'sluice.yaml')
  const names = ['openai', ...benchDialects.map(({ name }) => name)]
  const priced = ['openai/gpt-4o', ...benchDialects.map(({ name, model }) => `${name}/${model}`)]
  const providerText = ({ name, baseUrlPath, key }: BenchDialect) => `  ${name}:
    base_url: http://127.0.0.1:${upstream.port}${baseUrlPath}
    keys:
      - ${JSON.stringify({ name: 'main', value: providerKey, ...key })}
    retries: { max: 0 }
    max_concurrency: 4096
`
  const text = `version: 1
server:
  host: 127.0.0.1
auth:
  inference: required
providers:
  openai:
    type: openai
    base_url: http://127.0.0.1:${upstream.port}/v1
    keys:
      - { name: main, value: "${providerKey}", weight: 1 }
    retries: { max: 0 }
    max_concurrency: 4096
${benchDialects.map(providerText).join('')}prices:
${priced.map((model) => `  ${model}: { input_per_million: 2.5, output_per_million: 10 }\n`).join('')}virtual_keys:
  - name: bench
    value: "${virtualKey}"
    models: [${names.map((name) => `"${name}/*"`).join(', ')}]
    limits: { requests: 100000000/1m, tokens: 1000000000000/1m, concurrency: 4096 }
    budget: { usd: 1000000, per: 1d }
`
  fs.writeFileSync(file, text)
  return file
}

export async function startRelay(
  bench: Bench,
  label: string,
  role: 'base' | 'control',
): Promise<Variant> {
  const logFile = path.join(bench.work, `${role}.log`)
  const script = fileURLToPath(new URL('../relay.ts', import.meta.url))
  const args = [script, String(bench.upstream.port)]
  const server = startServer(bench.node, args, { core: bench.cores.proxy, logFile })
  const match = await waitForLine(server, /listening (\d+)/, 10_000)
  return createVariant(label, role, server, Number(match[1]), [server.pid])
}

export async function startNginx(bench: Bench): Promise<Variant> {
  const port = await freePort()
  const folder = path.join(bench.work, 'nginx')
  fs.mkdirSync(folder)
  const file = path.join(folder, 'nginx.conf')
  fs.writeFileSync(file, nginxConfig(folder, port, bench.upstream.port))
  const args = ['-p', folder, '-c', file, '-e', path.join(folder, 'error.log')]
  const logFile = path.join(bench.work, 'nginx.log')
  const server = startServer('nginx', args, { core: bench.cores.proxy, logFile })
  await waitForPort(server, port, 5000)
  return createVariant('nginx', 'nginx', server, port, [server.pid])
}

function nginxConfig(folder: string, port: number, upstreamPort: number): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
worker_rlimit_nofile 65536;
events { worker_connections 16384; multi_accept on; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 65s;
  client_max_body_size 32m;
  client_body_buffer_size 2m;
  tcp_nodelay on;
  ${scratch.join('\n  ')}
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${providerKey}";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
`
}

export async function startPortkey(bench: Bench, portkeyDir: string): Promise<Variant> {
  const port = await freePort()
  const script = 'node_modules/@portkey-ai/gateway/build/start-server.js'
  const args = [path.join(portkeyDir, script), `--port=${port}`, '--headless']
  const server = startServer(bench.node, args, {
    core: bench.cores.proxy,
    cwd: portkeyDir,
    env: { NODE_ENV: 'production' },
    logFile: path.join(bench.work, 'portkey.log'),
  })
  await waitForPort(server, port, 20_000)
  return createVariant(
    'portkey',
    'peer',
    server,
    port,
    [server.pid],
    [
      'x-portkey-provider: openai',
      `x-portkey-custom-host: http://127.0.0.1:${bench.upstream.port}/v1`,
    ],
  )
}
