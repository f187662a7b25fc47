import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a gateway that has served has opened all it keeps open: the log of requests is the last, moments later. */
export function hasOpenedItsFiles(dataDir: string): boolean {
  const folder = join(dataDir, 'request-log')
  return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('-shm'))
}
