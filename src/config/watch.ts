import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'

interface Seen {
  /** Identity, size and times: cheap to look at. */
  readonly stamp: string
  readonly hash: string
}

const missing: Seen = { stamp: 'missing', hash: 'missing' }
const big = { bigint: true } as const

/**
 * Calls `onChange` when the content of a file really changed, whether it was written, renamed over,
 * or reached through a symlink that now points elsewhere. Returns what stops it.
 * A change counts once two looks in a row agree, so that a half-written file is not taken.
 * It looks at paths instead of subscribing: notifications miss swapped symlinks and network mounts.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  { intervalMs = 1_000 }: { readonly intervalMs?: number } = {},
): () => void {
  const reported = new Map(paths.map((path) => [path, lookNow(path)]))
  const last = new Map(reported)
  let stopped = false
  let timer: NodeJS.Timeout

  const look = async (): Promise<void> => {
    let changed = false
    for (const path of reported.keys()) {
      const before = last.get(path) ?? missing
      const now = await lookAgain(path, before)
      last.set(path, now)
      if (now.hash !== before.hash || now.hash === reported.get(path)?.hash) continue
      reported.set(path, now)
      changed = true
    }
    if (stopped) return
    schedule()
    if (changed) onChange()
  }
  const schedule = (): void => {
    timer = setTimeout(() => void look(), intervalMs)
    timer.unref()
  }

  schedule()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/** The first look is synchronous, so that nothing slips between loading a file and watching it. */
function lookNow(path: string): Seen {
  try {
    return { stamp: stampOf(statSync(path, big)), hash: hashOf(readFileSync(path)) }
  } catch {
    return missing
  }
}

async function lookAgain(path: string, before: Seen): Promise<Seen> {
  try {
    const stamp = stampOf(await stat(path, big))
    if (stamp === before.stamp) return before
    return { stamp, hash: hashOf(await readFile(path)) }
  } catch {
    return missing
  }
}

function stampOf(stats: {
  dev: bigint
  ino: bigint
  size: bigint
  mtimeNs: bigint
  ctimeNs: bigint
}) {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
}

const hashOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
