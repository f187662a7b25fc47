import { spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, openSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Gateway } from '../../support/start-gateway.ts'

export const smallDiskBytes = 4 * 1024 * 1024
const mib = Buffer.alloc(1024 * 1024)
const smallest = 4096

/** Only root may mount without becoming root in a world of its own first. */
export const unshareFlags = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m']

const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', [...unshareFlags, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0

/** For `skip`: false where a small disk can be had. */
export const missingSmallDisk = canMount ? false : 'a file system cannot be mounted here'
export const smallDiskEntry = fileURLToPath(new URL('./serve-on-small-disk.ts', import.meta.url))

/** The disk that `serve-on-small-disk` mounted, from outside. */
export class SmallDisk {
  readonly folder: string
  readonly #filler: string

  constructor({ pid, dataDir }: Gateway) {
    this.folder = join(`/proc/${pid}/root`, dataDir)
    this.#filler = join(this.folder, 'filler')
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder)
    return bavail * bsize
  }

  fill(): void {
    closeSync(openSync(this.#filler, 'a'))
    for (let size = mib.length; size >= smallest; size /= 2)
      try {
        for (;;) appendFileSync(this.#filler, mib.subarray(0, size))
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown
      }
  }

  free(): void {
    rmSync(this.#filler)
  }
}
