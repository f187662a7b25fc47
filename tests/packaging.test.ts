import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { codeBlocks, expectOutput } from './support/doc-blocks.ts'
import { postBytes, rawConnect } from './support/raw-client.ts'

const root = path.join(import.meta.dirname, '..')
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-package-'))
const app = path.join(folder, 'app')
const env = {
  // What an `npm test` around this says about its own project must not steer the npm in here.
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(lifecycle|package|command|execpath|node_execpath|config_(local_)?prefix)/.test(
          name,
        ),
    ),
  ),
  PATH: [path.dirname(process.execPath), process.env['PATH']].join(':'),
}

before(async () => {
  mkdirSync(app)
  writeFileSync(path.join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}')
  await run('npm', ['pack', '--silent', '--pack-destination', folder], root)
  const [tarball = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
  await run(
    'npm',
    ['install', path.join(folder, tarball), '--prefer-offline', '--no-audit', '--no-fund'],
    app,
  )
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('the installed package answers a first call and ends when asked to', async () => {
  // A group of its own: npx puts a shell in between, and a terminal would signal all of them.
  const started = spawn('npx', ['sluice', '--port', '0', '--data-dir', 'data'], {
    cwd: app,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => started.once('close', resolve))
  try {
    const port = await listening(started, ended)
    const key = /sk-bf-[0-9a-f-]{36}/.exec(
      readFileSync(path.join(app, 'data/first-run.txt'), 'utf8'),
    )
    using client = await rawConnect(port)
    await client.write(
      postBytes(
        '/v1/chat/completions',
        { authorization: `Bearer ${key?.[0]}` },
        { model: 'demo/hello', messages: [{ role: 'user', content: 'hi' }] },
      ),
    )
    const reply = await client.response()
    assert.equal(reply.status, 200)
    assert.match(reply.text, /Hello from Sluice/)
  } finally {
    if (started.pid && started.exitCode === null) process.kill(-started.pid, 'SIGINT')
  }
  // Its output closes only when the last of the group that holds it is gone, the gateway itself too.
  await ended
})

test('the package brings what it promises and no more', () => {
  const files = readdirSync(path.join(app, 'node_modules/sluice')).sort()
  assert.deepEqual(files, [
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'bin',
    'dashboard',
    'dist',
    'docs',
    'package.json',
  ])
  const built = readdirSync(path.join(app, 'node_modules/sluice/dist'), { recursive: true })
  assert.deepEqual(
    built.filter((file) => /\.test\./.test(String(file))),
    [],
  )
})

const embedding = codeBlocks(
  'docs/guides/operate.md',
  readFileSync(path.join(root, 'docs/guides/operate.md'), 'utf8'),
).filter(({ run }) => run === 'packaged')

test('what the guide shows for embedding runs, and ends by itself', async () => {
  assert.equal(embedding.length, 1)
  for (const { code, output } of embedding) {
    writeFileSync(path.join(app, 'embed.ts'), code)
    expectOutput(await run(process.execPath, ['embed.ts'], app), output, '', '')
  }
})

test('its types are usable by a strict program', async () => {
  const options = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules/@types')],
  }
  writeFileSync(
    path.join(app, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['embed.ts', 'errors.ts'] }),
  )
  writeFileSync(
    path.join(app, 'errors.ts'),
    `import { type Config, ConfigError, GatewayError } from 'sluice'
export const isOurs = (thrown: unknown): boolean => thrown instanceof GatewayError || thrown instanceof ConfigError
export const hostOf = (config: Config): string => config.server.host
// @ts-expect-error a number is no text, so the types are really there
export const portOf = (config: Config): string => config.server.port
`,
  )
  await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], app)
})

test('an older Node is told in one paragraph', async () => {
  const start = path.join(app, 'node_modules/sluice/bin/sluice.cjs')
  const preload = path.join(folder, 'old.cjs')
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })`,
  )
  await assert.rejects(run(process.execPath, ['--require', preload, start], app), {
    message: /^exit 2\n.*Sluice needs Node 24\.15 or newer; this is Node 20\.11\.1\. .*again\.\n$/,
  })
})

/** Resolves with what it printed on stdout; rejects with everything where it fails. */
function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`exit ${code}\n${out}${err}`)),
    )
  })
}

function listening(child: ChildProcess, ended: Promise<unknown>): Promise<number> {
  return new Promise((resolve, reject) => {
    let [out, err] = ['', '']
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text
      const port = /^Sluice is listening on http:\/\/127\.0\.0\.1:(\d+)$/m.exec(out)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    void ended.then((code) =>
      reject(new Error(`it ended with ${code} before it listened\n${out}${err}`)),
    )
  })
}
