import { type ChildProcess, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const limitMs = 20_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs the command line to its end. */
export async function runSluice(args: readonly string[], options: RunOptions): Promise<Ended> {
  return await startSluice(args, options).ended
}

/** Starts the command line; `heard` resolves once stdout or stderr fits, and rejects if it ends before. */
export function startSluice(args: readonly string[], { cwd, env }: RunOptions) {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: dirname(process.execPath), HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  const said = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      for (const listener of listeners) listener()
    })
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, ...said }))
  })
  const heard = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(said.stdout) ?? pattern.exec(said.stderr)
        if (found) resolve(found)
      }
      listeners.add(look)
      look()
      void ended.then(({ code, stderr }) =>
        reject(new Error(`it ended with ${code} and never said ${pattern}\n${stderr}`)),
      )
    })
  return { child, ended, heard }
}
