import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

const readyLimitMs = 10_000

export interface Strace {
  /** Lets the process go; resolves once everything is written. */
  stop(): Promise<void>
}

/** Watches every thread of a process; a text is why that cannot be done here. */
export async function attachStrace(pid: number, args: readonly string[]): Promise<Strace | string> {
  if (spawnSync('strace', ['--version']).status !== 0) return 'strace is not installed'
  const strace = spawn('strace', ['-f', ...args, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => strace.once('close', () => resolve()))
  const refused = await whenAttached(strace)
  if (refused !== null) return refused
  return {
    stop() {
      strace.kill('SIGINT')
      return ended
    },
  }
}

/** Null once every thread is attached; else what kept it from that. */
function whenAttached(strace: ChildProcess): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  let said = ''
  strace.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (/attached/.test(said)) resolve(null)
  })
  strace.once('close', () => resolve(`strace could not attach: ${said.trim()}`))
  const timer = setTimeout(() => strace.kill('SIGINT'), readyLimitMs)
  return promise.finally(() => clearTimeout(timer))
}
