import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-run-'))
after(() => rmSync(folder, { recursive: true }))
const main = path.join(import.meta.dirname, '../main.ts')
writeFileSync(path.join(folder, 'bad.yaml'), 'version: 1\nproviders:\n  openai:\n    retrys: 1\n')

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}
function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...args],
      { cwd: folder, env, timeout: 20_000 },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

test('help and version go to stdout and end well', async () => {
  const [help, short, version] = await Promise.all([
    sluice(['--help']),
    sluice(['serve', '-h']),
    sluice(['--version']),
  ])
  assert.equal(help.code, 0)
  assert.equal(help.err, '')
  for (const flag of ['--config', '--host', '--port', '--data-dir', '--log-level', '--log-format'])
    assert.ok(help.out.includes(flag), flag)
  assert.deepEqual(short, help)
  const { version: expected } = JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { version: string }
  assert.deepEqual(version, { code: 0, out: `${expected}\n`, err: '' })
})

const misuses: readonly (readonly [
  what: string,
  args: readonly string[],
  env: Record<string, string>,
  says: RegExp,
])[] = [
  ['a misspelt flag', ['--prot', '1'], {}, /no flag "--prot".*Did you mean "--port"/],
  ['a misspelt command', ['serv'], {}, /no command "serv".*Did you mean "serve"/],
  ['one argument too many', ['serve', 'now'], {}, /no argument "now"/],
  ['a flag without its value', ['--config'], {}, /--config needs a value/],
  ['a flag with an empty value', ['--host='], {}, /--host needs a value/],
  ['a port that is no number', ['--port', 'abc'], {}, /port/],
  ['a port out of range', ['--port', '70000'], {}, /port/],
  ['a level that does not exist', [], { SLUICE_LOG_LEVEL: 'loud' }, /SLUICE_LOG_LEVEL/],
  ['a file that is not there', ['--config', 'nowhere.yaml'], {}, /nowhere\.yaml/],
  [
    'a mistake in the file',
    ['--config', 'bad.yaml'],
    {},
    /bad\.yaml.*4(.|\n)*retrys(.|\n)*retries/,
  ],
  ['jobs without what to do', ['jobs'], {}, /sluice jobs list/],
  [
    'a flag of jobs elsewhere',
    ['serve', '--status', 'failed'],
    {},
    /--status belongs to sluice jobs/,
  ],
  ['a mistake in the file, checked', ['check', '--config', 'bad.yaml'], {}, /bad\.yaml/],
]
test('a wrong use ends with code 2 and a sentence that helps, without a stack', async (t) => {
  // Two at a time: each is a process, and others want the machine as well.
  for (let at = 0; at < misuses.length; at += 2)
    await Promise.all(
      misuses.slice(at, at + 2).map(([what, args, env, says]) =>
        t.test(what, async () => {
          const { code, out, err } = await sluice(args, env)
          assert.equal(code, 2, err)
          assert.equal(out, '')
          assert.match(err, says)
          assert.doesNotMatch(err, /\n\s+at /)
        }),
      ),
    )
})
