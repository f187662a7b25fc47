import { type ChildProcess, spawn } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const startLimitMs = 20_000
const stopLimitMs = 15_000
const root = fileURLToPath(new URL('../../', import.meta.url))

export interface GatewayOptions {
  /** The configuration: YAML text, or an object written as JSON, which is YAML. */
  readonly config?: string | object
  /** True starts without any configuration file, as at a first run. */
  readonly noConfig?: boolean
  /** Added to an environment of PATH and HOME alone. */
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Where it runs; by default its own temporary folder, so that no `sluice.yaml` is found by chance. */
  readonly cwd?: string
  /** What to start instead of the gateway, for the test of this file. */
  readonly entry?: string
}

/** Starts the gateway as a process of its own on a free port; rejects with its stderr if it cannot. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const config = options.config ?? { version: 1, providers: {} }
  const text = typeof config === 'string' ? config : JSON.stringify(config, null, 2)
  if (!options.noConfig) writeFileSync(join(folder, 'sluice.yaml'), text)
  return begin(folder, options)
}

async function begin(folder: string, options: GatewayOptions): Promise<Gateway> {
  const configFile = join(folder, 'sluice.yaml')
  const dataDir = join(folder, 'data')
  const child = spawn(
    process.execPath,
    [
      options.entry ?? join(root, 'src/main.ts'),
      ...['--port', '0', '--data-dir', dataDir],
      ...(options.noConfig ? [] : ['--config', configFile]),
      ...(options.args ?? []),
    ],
    {
      cwd: options.cwd ?? folder,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        HOME: folder,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const gateway = new Gateway(child, folder, configFile, dataDir, options)
  try {
    await gateway.listening()
  } catch (thrown) {
    await gateway.kill()
    gateway.removeFolder()
    throw thrown
  }
  return gateway
}

class Gateway implements AsyncDisposable {
  readonly pid: number
  readonly configFile: string
  readonly dataDir: string
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #child: ChildProcess
  readonly #options: GatewayOptions
  /** Undefined once removed, or once a restarted gateway owns it. */
  #folder: string | undefined
  #url = ''
  #stdout = ''
  #stderr = ''

  constructor(
    child: ChildProcess,
    folder: string,
    configFile: string,
    dataDir: string,
    options: GatewayOptions,
  ) {
    this.#child = child
    this.#folder = folder
    this.#options = options
    this.configFile = configFile
    this.dataDir = dataDir
    this.pid = child.pid ?? -1
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }))
      child.once('error', () => resolve({ code: -1, signal: null }))
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  stdout(): string {
    return this.#stdout
  }

  stderr(): string {
    return this.#stderr
  }

  /** Waits for the line that says it answers requests. */
  listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#child.stdout?.off('data', look)
        act()
      }
      const fail = (what: string) => () =>
        reject(new Error(`the gateway ${what}\n${this.#stderr}${this.#stdout}`))
      const look = (): void => {
        const url = /^Sluice is listening on (http:\/\/\S+)$/m.exec(this.#stdout)?.[1]
        if (url === undefined) return
        this.#url = url
        settle(resolve)
      }
      const timer = setTimeout(
        () => settle(fail(`did not listen within ${startLimitMs} ms`)),
        startLimitMs,
      )
      this.#child.stdout?.on('data', look)
      void this.exited.then(({ code, signal }) =>
        settle(fail(`ended with ${signal ?? `code ${code}`} before it listened`)),
      )
    })
  }

  /** The key and the admin password generated at the first run. */
  async firstRun(): Promise<{ key: string; password: string }> {
    const text = readFileSync(join(this.dataDir, 'first-run.txt'), 'utf8')
    const key = /sk-bf-[0-9a-f-]{36}/.exec(text)?.[0]
    const password = /^.*\bpassword:\s*(\S+)\s*$/im.exec(text)?.[1]
    if (key === undefined || password === undefined)
      throw new Error('first-run.txt holds no key or no password')
    return { key, password }
  }

  /** Ends it and removes its folder; rejects when it had to be killed. SIGINT skips `drain.delay`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    const ended = await this.#endsWithin(stopLimitMs)
    if (!ended) await this.kill()
    this.removeFolder()
    if (!ended) throw new Error(`the gateway did not stop in ${stopLimitMs} ms\n${this.#stderr}`)
  }

  /** SIGKILL; the folder stays for `restart` and goes with `stop`. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  /** Starts another gateway on this one's folder after it has ended, and gives the folder to it. */
  async restart(changes: Pick<GatewayOptions, 'env' | 'args'> = {}): Promise<Gateway> {
    await this.exited
    const folder = this.#folder
    if (folder === undefined) throw new Error('the folder is gone')
    this.#folder = undefined
    return begin(folder, { ...this.#options, ...changes })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGINT')
  }

  removeFolder(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  /** Open file descriptors. */
  fds(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  /** Its TCP sockets that do not listen: clients and upstreams. */
  sockets(): number {
    const held = new Set(readdirSync(`/proc/${this.pid}/fd`).map((fd) => this.#inode(fd)))
    const tables = ['tcp', 'tcp6'].flatMap((name) => readTable(`/proc/${this.pid}/net/${name}`))
    return tables.filter(({ state, inode }) => state !== tcpListen && held.has(inode)).length
  }

  rssKb(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN)
  }

  #inode(fd: string): string | undefined {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${this.pid}/fd/${fd}`))?.[1]
    } catch {
      return undefined // It was closed between listing and reading.
    }
  }

  async #endsWithin(limitMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), limitMs)
    void this.exited.then(() => resolve(true))
    const ended = await promise
    clearTimeout(timer)
    return ended
  }
}

export type { Gateway }

const tcpListen = '0A'

function readTable(path: string): { state: string; inode: string }[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return [] // Without IPv6 there is no tcp6.
  }
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map((fields) => ({ state: fields[3] ?? '', inode: fields[9] ?? '' }))
}
