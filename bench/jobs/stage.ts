// The gateway, its provider and the connections to both.
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { residentKb, serverRoots, startServer, waitForLine } from '../processes.ts'

export const owners = ['a', 'b', 'c'] as const
export type Owner = (typeof owners)[number]

export interface Stage {
  readonly gateway: Pool
  readonly upstream: Pool
  readonly keys: Readonly<Record<Owner, string>>
  readonly work: string
  residentMb(): number
}

const chatPath = '/v1/chat/completions'
const cores = os.cpus().length > 1 ? { gateway: String(os.cpus().length - 1), rest: '0' } : null

export async function openStage(gatewayDir: string): Promise<Stage> {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-jobs-'))
  const script = fileURLToPath(new URL('./upstream.ts', import.meta.url))
  const upstream = startServer(process.execPath, [script], {
    core: cores?.rest ?? null,
    logFile: path.join(work, 'upstream.log'),
  })
  const upstreamUrl = `http://127.0.0.1:${(await waitForLine(upstream, /listening (\d+)/, 10_000))[1]}`
  const keys = { a: newKey(), b: newKey(), c: newKey() }
  const config = path.join(work, 'sluice.yaml')
  fs.writeFileSync(config, configText(upstreamUrl, keys))
  const args = ['src/main.ts', '--port', '0', '--config', config]
  args.push('--data-dir', path.join(work, 'data'))
  const server = startServer(process.execPath, args, {
    core: cores?.gateway ?? null,
    cwd: path.resolve(gatewayDir),
    logFile: path.join(work, 'gateway.log'),
  })
  const line = await waitForLine(server, /listening on http:\/\/[^\s:]+:(\d+)/, 60_000)
  const [pid = server.pid] = serverRoots(server.pid, Number(line[1]))
  return {
    gateway: new Pool(`http://127.0.0.1:${line[1]}`, { connections: 64 }),
    upstream: new Pool(upstreamUrl, { connections: 2 }),
    keys,
    work,
    residentMb: () => residentKb([pid]) / 1024,
  }
}

const newKey = (): string => `sk-bf-${randomUUID()}`

const configText = (upstreamUrl: string, keys: Stage['keys']): string => `version: 1
server: { host: 127.0.0.1, drain: { delay: 0s, grace: 1s } }
auth: { admin: { username: admin, password: bench-admin-password } }
providers:
  sim:
    type: openai-compatible
    base_url: ${upstreamUrl}/v1
    max_concurrency: 4096
# As many of one key as of all together: how they share is then the queue's doing alone.
jobs: { concurrency: 64, per_key_concurrency: 64, queue_limit: 10000, per_key_queue_limit: 5000 }
virtual_keys:
${owners.map((owner) => `  - { name: ${owner}, value: "${keys[owner]}" }`).join('\n')}
`

/** One chat call, to be made now or later. Throws for every status but 200. */
export async function callChat(
  { gateway, keys }: Stage,
  owner: Owner,
  call: { readonly delayMs: number; readonly isAsync: boolean },
): Promise<void> {
  const content = `${owner} asks for something short, such as a sentence about the weather.`
  const model = `sim/wait-${call.delayMs}`
  const { statusCode, body } = await gateway.request({
    method: 'POST',
    path: chatPath,
    headers: {
      authorization: `Bearer ${keys[owner]}`,
      'content-type': 'application/json',
      ...(call.isAsync && { 'x-bf-async': 'true' }),
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`the gateway answered ${statusCode}: ${text}`)
}

export async function holdAnswers({ upstream }: Stage, isHeld: boolean): Promise<void> {
  const { body } = await upstream.request({ method: 'POST', path: isHeld ? '/hold' : '/open' })
  await body.dump()
}

export type Counts = Readonly<Partial<Record<Owner, number>>>

/** Answers of the provider so far. */
export async function readCounts({ upstream }: Stage): Promise<Counts> {
  const { body } = await upstream.request({ method: 'GET', path: '/counts' })
  return (await body.json()) as Counts
}

export const totalOf = (counts: Counts): number =>
  owners.reduce((sum, owner) => sum + (counts[owner] ?? 0), 0)
