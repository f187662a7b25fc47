import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Makes `dist` for the published package; a checkout runs from `src` and needs none.

const root = fileURLToPath(new URL('../', import.meta.url))
const dist = join(root, 'dist')
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
)

// A file whose source is gone would be published for ever.
rmSync(dist, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
const missing = [
  'main.js',
  'index.js',
  'index.d.ts',
  // Started by its name, so no import tells the compiler of it.
  'store/sqlite-worker.js',
  'cli/translator-worker.js',
].filter((file) => !existsSync(join(dist, file)))
if (status !== 0 || missing.length > 0)
  fail(`The build failed. Missing in dist: ${missing.join(', ') || 'nothing'}.`)
if (!readFileSync(join(dist, 'main.js'), 'utf8').startsWith('#!'))
  fail('dist/main.js lost its first line.')

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
