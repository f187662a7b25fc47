// Kills the gateway at its first write to the disk, then at its second, and so on until it gets through, and looks each
// time at what was left; the same for its syncs. Needs strace:
//   node tests/crash/kill-at-writes.ts [--during job|start]
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startSluice } from '../contract/run-sluice.ts'
import { startGateway } from '../support/start-gateway.ts'
import { attachStrace } from './attach-strace.ts'
import { Chance } from './chance.ts'
import { type CrashCase, crashConfig, makeCases, nativePath, submitCase } from './crash-case.ts'
import { JobClient } from './job-client.ts'
import { readJobRows } from './job-rows.ts'
import { startJobUpstream } from './job-upstream.ts'

const kinds = { writes: ['pwrite64'], syncs: ['fsync', 'fdatasync'] } as const
type Kind = keyof typeof kinds

const injection = (kind: Kind, count: number): string[] => {
  const calls = kinds[kind].join()
  return ['-e', `trace=${calls}`, '-e', `inject=${calls}:signal=KILL:when=${count}`]
}

/** One job, from its submit to its poll. False: it was over before the gateway could be killed. */
async function killDuringJob(kind: Kind, count: number): Promise<boolean> {
  await using upstream = await startJobUpstream(new Chance(count))
  const [each] = makeCases(count, 1, new Chance(count))
  assert.ok(each)
  const crashCase: CrashCase = { ...each, failsOnInterrupt: false }
  let gateway = await startGateway({ config: crashConfig(upstream.url) })
  const strace = await attachStrace(gateway.pid, ['-o', '/dev/null', ...injection(kind, count)])
  if (typeof strace === 'string') throw new Error(strace)
  const client = new JobClient(gateway.url)
  const id = await submitCase(client, crashCase, { isRepeat: false, onWritten: () => {} }).catch(
    () => null,
  )
  const told = id && (await readResult(client, crashCase, id).catch(() => null))
  client.close()
  const survived = told !== null
  if (survived) await gateway.kill()
  await gateway.exited
  await strace.stop()
  const { rows, strays } = readJobRows(gateway.dataDir)
  assert.equal(strays, 0, 'something was done by half')
  assert.ok(rows.length === 1 || id === null, `an acknowledged job is ${rows.length} jobs`)
  const known = rows[0]?.id ?? null
  if (known !== null) {
    gateway = await gateway.restart()
    const again = new JobClient(gateway.url)
    const text = await readResult(again, crashCase, known)
    again.close()
    if (told) assert.equal(text, told, 'the result is another now')
    const sent = upstream.of(crashCase.model)
    assert.equal(sent.filter(({ body }) => text.includes(body)).length, 1, text)
    assert.ok(sent.length <= 2, `it was sent ${sent.length} times`)
    await gateway.kill()
  }
  gateway.removeFolder()
  return !survived
}

async function readResult(client: JobClient, { key }: CrashCase, id: string): Promise<string> {
  const headers = { 'x-bf-async-wait': '10' }
  const { status, text } = await client.send('GET', `${nativePath}/${id}`, { key, headers })
  assert.equal(status, 200, text)
  return text
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const listening = /^Sluice is listening on http/m

/** The first start, which makes the database, its tables and the first keys. False: it was over before. */
async function killDuringStart(kind: Kind, count: number): Promise<boolean> {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-start-'))
  try {
    const args = ['--port', '0', '--data-dir', join(cwd, 'data')]
    const program = [process.execPath, main, ...args]
    const strace = spawn(
      'strace',
      ['-f', '-o', '/dev/null', ...injection(kind, count), ...program],
      {
        cwd,
        env: { PATH: process.env['PATH'] ?? '', HOME: cwd },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const { promise, resolve } = Promise.withResolvers<boolean>()
    let said = ''
    strace.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (listening.test(said)) resolve(false)
    })
    const exited = new Promise<void>((done) => strace.once('exit', () => done()))
    void exited.then(() => resolve(true))
    const wasKilled = await promise
    // It hands the signal on to what it watches.
    strace.kill('SIGTERM')
    await exited
    const next = startSluice(args, { cwd })
    await next.heard(listening)
    next.child.kill('SIGKILL')
    await next.ended
    return wasKilled
  } finally {
    rmSync(cwd, { recursive: true })
  }
}

const { values } = parseArgs({ options: { during: { type: 'string', default: 'job' } } })
const play = values.during === 'start' ? killDuringStart : killDuringJob
for (const kind of ['writes', 'syncs'] as const) {
  let count = 1
  while (await play(kind, count)) count++
  console.log(`killed at each of ${count - 1} ${kind} during a ${values.during}: nothing is lost`)
}
