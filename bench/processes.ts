// Starting, looking at and stopping processes. Linux only: everything is read from /proc.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Server {
  readonly pid: number
  readonly logFile: string
  readonly ended: () => boolean
}

interface StartOptions {
  /** The core to pin to; null leaves it to the scheduler. */
  readonly core: string | null
  readonly logFile: string
  readonly cwd?: string
  readonly env?: Record<string, string>
}

/** Whether processes can be pinned to a core. */
export const hasTaskset = spawnSync('taskset', ['-p', String(process.pid)]).status === 0

const started: { pid: number; startTime: string }[] = []

function readOr(file: string, otherwise: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}

function readStat(pid: number | string) {
  const text = readOr(`/proc/${pid}/stat`, '')
  if (text === '') return null
  // The program's name stands in brackets and may itself contain spaces and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0], parent: Number(fields[1]), startTime: fields[19] ?? '' }
}

/** The process and all its descendants. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(name)
    if (!stat) continue
    const siblings = children.get(stat.parent) ?? []
    siblings.push(Number(name))
    children.set(stat.parent, siblings)
  }
  const found: number[] = []
  const visit = (pid: number) => {
    found.push(pid)
    for (const child of children.get(pid) ?? []) visit(child)
  }
  visit(root)
  return found
}

/** What the descriptors of a process point at, e.g. `socket:[1234]`. */
export function descriptors(pid: number): string[] {
  const found: string[] = []
  try {
    for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
      try {
        found.push(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        // Closed since the folder was read.
      }
    }
  } catch {
    // The process is gone or somebody else's: it holds nothing that concerns us.
  }
  return found
}

function listenersAmong(pids: readonly number[], port: number): number[] {
  const inodes = new Set<string>()
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readOr(table, '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] === '0A' && fields[1]?.endsWith(wanted)) inodes.add(`socket:[${fields[9]}]`)
    }
  }
  return pids.filter((pid) => descriptors(pid).some((target) => inodes.has(target)))
}

export function executableOf(pid: number): string {
  return fs.readlinkSync(`/proc/${pid}/exe`)
}

function isNpm(pid: number): boolean {
  const text = readOr(`/proc/${pid}/cmdline`, '')
  return /^npm\b/.test(text) || /[/\\]npm(-cli\.js)?\0/.test(text)
}

/**
 * The roots of the server inside a launcher's process tree. `npm start` puts npm and a shell above
 * the server, whose cost is not the server's; a listener's parents count while they run the same
 * program (a cluster's primary).
 */
export function serverRoots(launcher: number, port: number): number[] {
  const all = processTree(launcher)
  const roots = new Set<number>()
  for (const listener of listenersAmong(all, port)) {
    let root = listener
    for (;;) {
      const parent = readStat(root)?.parent
      if (!parent || parent === launcher || !all.includes(parent)) break
      if (executableOf(parent) !== executableOf(listener) || isNpm(parent)) break
      root = parent
    }
    roots.add(root)
  }
  return [...roots]
}

export function residentKb(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    sum += Number(/^VmRSS:\s+(\d+)/m.exec(readOr(`/proc/${pid}/status`, ''))?.[1] ?? 0)
  }
  return sum
}

function pinned(command: string, args: readonly string[], core: string | null) {
  return hasTaskset && core !== null
    ? { command: 'taskset', args: ['-c', core, command, ...args] }
    : { command, args: [...args] }
}

function remember(child: ChildProcess): number {
  const pid = child.pid
  if (pid === undefined) return 0
  const stat = readStat(pid)
  if (stat) started.push({ pid, startTime: stat.startTime })
  return pid
}

/** Starts a program; its output goes to `logFile`. Its environment is clean but for `env`. */
export function startServer(
  command: string,
  args: readonly string[],
  options: StartOptions,
): Server {
  const log = fs.openSync(options.logFile, 'a')
  const program = pinned(command, args, options.core)
  const child = spawn(program.command, program.args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['ignore', log, log],
  })
  fs.closeSync(log)
  child.on('error', (error) => fs.appendFileSync(options.logFile, `${error.message}\n`))
  return {
    pid: remember(child),
    logFile: options.logFile,
    ended: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
  }
}

/** Waits for a line of the log that matches. Throws with the log's end when it does not come. */
export async function waitForLine(server: Server, pattern: RegExp, timeoutMs: number) {
  const until = performance.now() + timeoutMs
  while (performance.now() < until) {
    const match = pattern.exec(readOr(server.logFile, ''))
    if (match) return match
    if (server.ended()) break
    await sleep(10)
  }
  throw new Error(`did not start; its output:\n${readOr(server.logFile, '').slice(-2000)}`)
}

export async function waitForPort(server: Server, port: number, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs
  while (performance.now() < until && !server.ended()) {
    if (await isOpen(port)) return
    await sleep(50)
  }
  const output = readOr(server.logFile, '').slice(-2000)
  throw new Error(`did not listen on ${port}; its output:\n${output}`)
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Runs a short program to its end and returns what it printed. */
export function runToEnd(command: string, args: readonly string[], core: string | null) {
  return new Promise<string>((resolve, reject) => {
    const program = pinned(command, args, core)
    const child = spawn(program.command, program.args, { stdio: ['ignore', 'pipe', 'inherit'] })
    remember(child)
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(text)
      else reject(new Error(`${command} ended with ${code}`))
    })
  })
}

/** Ends one server and waits until it is gone. SIGINT: a gateway drains without its start delay. */
export async function stopServer(server: Server): Promise<void> {
  await stopProcesses(started.filter((each) => each.pid === server.pid))
}

/** Ends everything that was started here. */
export async function stopAll(): Promise<void> {
  await stopProcesses(started.splice(0))
}

/** By pid, and only while the pid is still the same process. */
async function stopProcesses(roots: readonly { pid: number; startTime: string }[]): Promise<void> {
  const mine = new Map<number, string>()
  for (const { pid, startTime } of roots) {
    if (readStat(pid)?.startTime !== startTime) continue
    for (const each of processTree(pid)) mine.set(each, readStat(each)?.startTime ?? '')
  }
  const alive = () => [...mine].filter(([pid, time]) => isRunning(pid, time)).map(([pid]) => pid)
  for (const { signal, waitMs } of [
    { signal: 'SIGINT', waitMs: 1500 },
    { signal: 'SIGTERM', waitMs: 1500 },
    { signal: 'SIGKILL', waitMs: 1000 },
  ] as const) {
    for (const pid of alive().reverse()) {
      try {
        process.kill(pid, signal)
      } catch {
        // Ended between the look and the signal.
      }
    }
    const until = performance.now() + waitMs
    while (performance.now() < until && alive().length > 0) await sleep(20)
  }
}

function isRunning(pid: number, startTime: string): boolean {
  const stat = readStat(pid)
  return stat !== null && stat.startTime === startTime && stat.state !== 'Z'
}
