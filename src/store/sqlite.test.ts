import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import {
  type OpenedStore,
  resetStatement,
  storedTables,
  storeSuite,
} from '../../tests/store-suite.ts'
import { ledgerRow } from '../../tests/store-suite-ledger-fixtures.ts'
import { ledgerLine } from './ledger-line.ts'
import { openSqliteStore, type SqliteStore } from './sqlite.ts'

storeSuite('the SQLite store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-store-'))
  const file = join(folder, 'sluice.db')
  const opened: OpenedStore = {
    store: await openSqliteStore({ file }),
    async empty() {
      const db = new DatabaseSync(file, { timeout: 5000 })
      for (const table of storedTables) db.exec(`delete from ${table}`)
      db.exec('update clock set latest = 0')
      db.exec(resetStatement)
      db.close()
    },
    async tamper(statement) {
      const db = new DatabaseSync(file, { timeout: 5000 })
      db.exec(statement)
      db.close()
    },
    async reopen() {
      await opened.store.close()
      opened.store = await openSqliteStore({ file })
    },
    async destroy() {
      await opened.store.close()
      await rm(folder, { recursive: true })
    },
  }
  return opened
})

/** Gives a folder and a way to open stores in it; both are gone after the test. */
async function useFolder(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-store-'))
  const stores: SqliteStore[] = []
  context.after(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await rm(folder, { recursive: true })
  })
  const file = join(folder, 'sluice.db')
  const open = async (options: { file?: string; queueLimit?: number } = {}) => {
    const store = await openSqliteStore({ file, ...options })
    stores.push(store)
    return store
  }
  return { folder, file, open }
}

/** Starts a process that opens `file` as `store` and runs `code`; `said` resolves with its first output. */
function startProcess(
  context: TestContext,
  file: string,
  code: string,
  command = process.execPath,
) {
  const script = `
    import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
    const store = await openSqliteStore({ file: ${JSON.stringify(file)} })
    ${code}`
  const args = ['--input-type=module', '--eval', script]
  const child =
    command === process.execPath
      ? spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      : spawn('sh', ['-c', command, process.execPath, ...args], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
  context.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const said = Promise.race([
    once(child.stdout, 'data').then(([chunk]) => String(chunk)),
    exited.then((how) => `ended without a word: ${how}`),
  ])
  return { child, exited, said }
}

test('many commands at once share a few commits, and each is answered', async (context) => {
  const { open } = await useFolder(context)
  const store = await open()
  await Promise.all(Array.from({ length: 500 }, (_, i) => store.putSetting(`s${i}`, `v${i}`)))
  const { commands, commits, waiting } = store.stats()
  assert.equal(commands, 500)
  assert.equal(waiting, 0)
  assert.ok(commits >= 1 && commits <= 50, `${commits} commits`)
  assert.equal((await store.readSettings()).size, 500)
})

test('commands asked one after the other are committed one by one', async (context) => {
  const { open } = await useFolder(context)
  const store = await open()
  for (let i = 0; i < 5; i++) await store.putSetting('s', `v${i}`)
  assert.equal(store.stats().commits, 5)
})

test('beyond the limit of waiting commands a new one is refused at once, the others go on', async (context) => {
  const { open } = await useFolder(context)
  const store = await open({ queueLimit: 3 })
  const asked = ['a', 'b', 'c'].map((name) => store.putSetting(name, 'x'))
  assert.deepEqual(store.queue, { waiting: 3, oldest: 1, newest: 3 })
  await assert.rejects(store.putSetting('d', 'x'), { name: 'GatewayError', code: 'overloaded' })
  await Promise.all(asked)
  assert.deepEqual(store.queue, { waiting: 0, oldest: null, newest: 4 })
  await store.putSetting('e', 'x')
  assert.deepEqual([...(await store.readSettings()).keys()].sort(), ['a', 'b', 'c', 'e'])
})

test('pings at the same time cost one write', async (context) => {
  const { open } = await useFolder(context)
  const store = await open()
  await Promise.all(Array.from({ length: 20 }, () => store.ping()))
  assert.equal(store.stats().commands, 1)
})

test('a worker that dies fails what waits and what comes, with the reason', async (context) => {
  const { open } = await useFolder(context)
  const started = once(process, 'worker') as Promise<[Worker]>
  const store = await open()
  const [worker] = await started
  const waiting = [store.readSettings(), store.ping()].map((command) =>
    assert.rejects(command, { code: 'storage_unavailable' }),
  )
  await worker.terminate()
  await Promise.all(waiting)
  await assert.rejects(store.listKeys(), (error: Error) => {
    assert.equal((error as Error & { code: string }).code, 'storage_unavailable')
    assert.match(String(error.cause), /ended with code 1/)
    return true
  })
  await store.close()
})

const allUsage = { from: 0, to: 1e12, by: [], bucket: null, only: {} } as const

test('long reads are another thread’s, and see what was answered before', async (context) => {
  const { open } = await useFolder(context)
  const store = await open()
  await store.settleAttempts('n', [ledgerLine({ row: ledgerRow('c1/1'), charges: [] })])
  const { commands } = store.stats()
  const reads = Array.from({ length: 5 }, () => store.sumUsage(allUsage))
  assert.equal(store.stats().waiting, 5)
  for (const [sum] of await Promise.all(reads)) assert.equal(sum?.attempts, 1)
  assert.equal(store.stats().commands, commands)
})

test('a reading thread that dies fails what it was asked; writes go on, and the next read as well', async (context) => {
  const { open } = await useFolder(context)
  const store = await open()
  const started = once(process, 'worker') as Promise<[Worker]>
  await store.sumUsage(allUsage)
  const [reader] = await started
  const asked = assert.rejects(store.sumUsage(allUsage), { code: 'storage_unavailable' })
  await reader.terminate()
  await asked
  await store.putSetting('a', 'x')
  assert.equal((await store.sumUsage(allUsage)).length, 1)
})

test('what was asked to be read before the store closes is answered, and nothing after', async (context) => {
  const { file, open } = await useFolder(context)
  const store = await open()
  const asked = [
    store.sumUsage(allUsage),
    store.listLedger({ callId: null, before: null, limit: 1 }),
  ]
  const closed = store.close()
  await assert.rejects(store.sumUsage(allUsage), { code: 'storage_unavailable' })
  await Promise.all(asked)
  await closed
  await assert.rejects(stat(`${file}-wal`), { code: 'ENOENT' })
})

test('a second opener is refused until the first has closed, also by another path', async (context) => {
  const { folder, file, open } = await useFolder(context)
  const store = await open()
  const alias = join(folder, 'alias')
  await symlink(folder, alias)
  for (const path of [file, join(alias, 'sluice.db')])
    await assert.rejects(openSqliteStore({ file: path }), (error: Error) => {
      assert.equal(error.name, 'StoreLockedError')
      assert.match(error.message, /^Another Sluice is using the data folder \S+: /)
      assert.ok(error.message.includes(folder))
      return true
    })
  await store.putSetting('still', 'works')
  await store.close()
  assert.equal((await (await open()).readSettings()).get('still'), 'works')
})

test('kill -9 right after the answer keeps what was written and frees the lock', async (context) => {
  const { file, open } = await useFolder(context)
  const { child, exited, said } = startProcess(
    context,
    file,
    `process.stdin.resume()
    await store.putSetting('a', 'answered')
    process.stdout.write('answered')`,
  )
  assert.equal(await said, 'answered')
  await assert.rejects(openSqliteStore({ file }), { name: 'StoreLockedError' })
  child.kill('SIGKILL')
  assert.deepEqual(await exited, [null, 'SIGKILL'])
  assert.ok((await stat(`${file}-wal`)).size > 0, 'the write was in the write-ahead log alone')
  assert.equal((await (await open()).readSettings()).get('a'), 'answered')
})

test('a store left open does not keep its process alive, nor lose an answer it owes', async (context) => {
  const { file } = await useFolder(context)
  const idle = startProcess(context, file, `process.stdout.write('open')`)
  assert.equal(await idle.said, 'open')
  assert.deepEqual(await idle.exited, [0, null])
  const asking = startProcess(
    context,
    file,
    `void store.putSetting('a', 'x').then(() => process.stdout.write('answered'))`,
  )
  assert.equal(await asking.said, 'answered')
  assert.deepEqual(await asking.exited, [0, null])
})

test('a closed store lets its process end and leaves one file of data', async (context) => {
  const { file } = await useFolder(context)
  const { exited, said } = startProcess(
    context,
    file,
    `await store.putSetting('a', 'x'); await store.close(); process.stdout.write('closed')`,
  )
  assert.equal(await said, 'closed')
  assert.deepEqual(await exited, [0, null])
  await assert.rejects(stat(`${file}-wal`), { code: 'ENOENT' })
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('when the disk takes no more, writes and pings fail, reads go on, what was answered stays', {
  skip: process.platform === 'win32',
}, async (context) => {
  const { file, open } = await useFolder(context)
  const { exited, said } = startProcess(
    context,
    file,
    `const codes = []
    let answered = 0
    while (codes.length === 0)
      await store.putSetting('s' + answered, 'x'.repeat(20_000)).then(
        () => answered++,
        (error) => codes.push(error.code),
      )
    await store.initialiseSettings({ last: 'x'.repeat(20_000) }).catch((error) => codes.push(error.code))
    const read = (await store.readSettings()).size
    process.stdout.write(JSON.stringify({ codes, answered, read }))`,
    // A limit on the size of a file makes the writes beyond it fail like a full disk does.
    'ulimit -f 2000; exec "$0" "$@"',
  )
  const { codes, answered, read } = JSON.parse(await said)
  await exited
  assert.deepEqual(codes, ['storage_unavailable', 'storage_unavailable'])
  assert.ok(answered > 0)
  assert.equal(read, answered)
  assert.equal((await (await open()).readSettings()).size, answered)
})

test('a database newer than the program is refused and left as it is', async (context) => {
  const { file, open } = await useFolder(context)
  await (await open()).close()
  const db = new DatabaseSync(file)
  db.exec('pragma user_version = 999')
  db.close()
  await assert.rejects(openSqliteStore({ file }), {
    name: 'StoreOpenError',
    message: /sluice\.db was written by a newer Sluice \(schema 999, this one knows \d+\)/,
  })
  // Refusing must not hold on to the lock.
  await assert.rejects(openSqliteStore({ file }), { name: 'StoreOpenError' })
})

test('a file that is no database is refused, named, and left as it is', async (context) => {
  const { file } = await useFolder(context)
  const content = 'not a database, but somebody may need it '.repeat(100)
  await writeFile(file, content)
  await assert.rejects(openSqliteStore({ file }), {
    name: 'StoreOpenError',
    message: /sluice\.db is not a SQLite database: .*backup/,
  })
  assert.equal(await readFile(file, 'utf8'), content)
})

test('a damaged database is refused and named', async (context) => {
  const { file, open } = await useFolder(context)
  await (await open()).close()
  const bytes = await readFile(file)
  bytes.fill(0xff, 100, 4096)
  await writeFile(file, bytes)
  await assert.rejects(openSqliteStore({ file }), {
    name: 'StoreOpenError',
    message: /sluice\.db is damaged: .*backup/,
  })
})

test('a folder that is not there, or a folder in the place of the file, is one clear sentence', async (context) => {
  const { folder } = await useFolder(context)
  await assert.rejects(openSqliteStore({ file: join(folder, 'no', 'sluice.db') }), {
    name: 'StoreOpenError',
    message: /^The folder \S+\/no for the database does not exist/,
  })
  await mkdir(join(folder, 'taken.db'))
  await assert.rejects(openSqliteStore({ file: join(folder, 'taken.db') }), {
    name: 'StoreOpenError',
    message: /taken\.db cannot be written: /,
  })
})

test('a folder without the right to write is one clear sentence', {
  skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
}, async (context) => {
  const { folder, file } = await useFolder(context)
  await chmod(folder, 0o500)
  try {
    await assert.rejects(openSqliteStore({ file }), {
      name: 'StoreOpenError',
      message: /cannot be written: /,
    })
  } finally {
    await chmod(folder, 0o700)
  }
})
