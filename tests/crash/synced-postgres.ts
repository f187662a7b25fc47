import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { startPostgres } from 'test-postgres'

export interface SyncedPostgres extends AsyncDisposable {
  createDatabase(): Promise<string>
}

/** A test server that syncs what it commits to the disk, as one in use does. */
export async function startSyncedPostgres(): Promise<SyncedPostgres> {
  const postgres = await startPostgres()
  const first = new URL(await postgres.createDatabase())
  const { data_directory: folder = '', BINDIR: programs = '' } = await readFacts(first.href)
  await postgres.stop()
  const { uid, gid } = statSync(folder)
  const settings = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on']
  const port = first.port
  const command = [join(programs, 'postgres'), '-D', folder, '-p', port, '-k', folder]
  for (const setting of ['listen_addresses=127.0.0.1', ...settings]) command.push('-c', setting)
  // The shell ends the server as soon as its input ends, also when this process is killed.
  const script = '"$@" & cat >/dev/null; kill -INT $!; wait $!'
  const server = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
    uid,
    gid,
    cwd: folder,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  await untilSaid(server.stderr, 'ready to accept connections')
  let count = 0
  return {
    async createDatabase() {
      const client = new Client({ connectionString: new URL('/postgres', first).href })
      await client.connect()
      const name = `crash_${++count}`
      await client.query(`create database ${name}`)
      await client.end()
      return new URL(`/${name}`, first).href
    },
    async [Symbol.asyncDispose]() {
      const exited = once(server, 'exit')
      server.stdin.end()
      await exited
      await postgres.destroy()
    },
  }
}

async function readFacts(url: string): Promise<Readonly<Record<string, string>>> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, setting from pg_config union select name, setting from pg_settings where name = 'data_directory'`,
  )
  await client.end()
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

/** Read on to the end: a server that cannot write its log stops. */
function untilSaid(stream: NodeJS.ReadableStream, words: string): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    stream.on('data', (part) => {
      said += part
      if (said.includes(words)) resolve()
    })
    stream.once('end', () => reject(new Error(`Postgres did not start: ${said}`)))
  })
}
