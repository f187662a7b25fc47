import { spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

// Builds the dashboard and compresses it ahead. With --if-stale only where it is missing or older than what it is made of,
// and without an exit code: a gateway without its dashboard is still a gateway.

const root = fileURLToPath(new URL('../', import.meta.url))
const folder = join(root, 'dashboard')
const dist = join(folder, 'dist')
const ifStale = process.argv.includes('--if-stale')

if (!ifStale || isStale()) build()

function isStale(): boolean {
  const built = join(dist, 'index.html')
  if (!existsSync(built)) return true
  const builtAt = statSync(built).mtimeMs
  const sources = globSync(['src/**/*', 'index.html', 'vite.config.ts', 'package.json'], {
    cwd: folder,
  })
  return sources.some((file) => statSync(join(folder, file)).mtimeMs > builtAt)
}

function build(): void {
  // Beside the old one, which is served until the new one is whole.
  const next = `${dist}-${process.pid}`
  try {
    if (ifStale) process.stderr.write('Building the dashboard; this is done once.\n')
    const vite = join(
      dirname(createRequire(join(folder, 'package.json')).resolve('vite/package.json')),
      'bin/vite.js',
    )
    const options = ['build', '--outDir', next, '--emptyOutDir', '--logLevel', 'error']
    const { status } = spawnSync(process.execPath, [vite, ...options], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    })
    if (status !== 0) throw new Error(`vite ended with ${status}`)
    for (const file of globSync('**/*.{html,js,css,svg}', { cwd: next })) compress(join(next, file))
    putInPlace(next)
  } catch (thrown) {
    rmSync(next, { recursive: true, force: true })
    const why = thrown instanceof Error ? thrown.message.split('\n', 1)[0] : String(thrown)
    process.stderr.write(
      `The dashboard was not built (${why}). Install everything with \`npm ci\`, then run \`npm run build:dashboard\`.\n`,
    )
    if (!ifStale) process.exit(1)
  }
}

/** A gateway that starts just now finds the old one or the new one, never half of it. */
function putInPlace(next: string): void {
  const old = `${next}-old`
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(next, dist)
  rmSync(old, { recursive: true, force: true })
}

function compress(file: string): void {
  const whole = readFileSync(file)
  writeFileSync(`${file}.br`, brotliCompressSync(whole))
  writeFileSync(`${file}.gz`, gzipSync(whole, { level: 9 }))
}
