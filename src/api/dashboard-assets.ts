import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

export interface Asset {
  readonly type: string
  readonly etag: string
  /** True where the name holds a hash of the content. */
  readonly immutable: boolean
  /** By content coding; there is always `identity`. */
  readonly bodies: ReadonlyMap<string, Buffer>
}

/** By the path under which a browser asks for it. */
export type Assets = ReadonlyMap<string, Asset>

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const codings = { '.br': 'br', '.gz': 'gzip' } as const

/**
 * The built dashboard, whole, into memory: what is asked for later is looked up here, never on disk. Null where it was not
 * built.
 */
export async function readDashboardAssets(folder: string): Promise<Assets | null> {
  const page = await readAsset(folder, 'index.html')
  if (page === null) return null
  const names = await readdir(path.join(folder, 'assets')).catch(() => [])
  const found = await Promise.all(
    names.map(
      async (name) => [`/assets/${name}`, await readAsset(folder, `assets/${name}`)] as const,
    ),
  )
  const assets = new Map<string, Asset>([['/', page]])
  for (const [at, asset] of found) if (asset !== null) assets.set(at, asset)
  return assets
}

/** Null for what is not there, and for kinds of files that no browser is to get. */
async function readAsset(folder: string, name: string): Promise<Asset | null> {
  const type = types[path.extname(name)]
  if (type === undefined) return null
  const file = path.join(folder, name)
  const whole = await readFile(file).catch(() => null)
  if (whole === null) return null
  const bodies = new Map([['identity', whole]])
  for (const [suffix, coding] of Object.entries(codings)) {
    const smaller = await readFile(file + suffix).catch(() => null)
    if (smaller !== null) bodies.set(coding, smaller)
  }
  const digest = createHash('sha256').update(whole).digest('base64url').slice(0, 22)
  return { type, etag: `"${digest}"`, immutable: name.startsWith('assets/'), bodies }
}
