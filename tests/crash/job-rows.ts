import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { JobState } from '../../src/core/job.ts'

export interface JobRow {
  readonly id: string
  readonly model: string
  readonly state: JobState
  readonly attempt: number
}

/** The jobs in the database of a gateway that does not run. A copy is read: opening the file itself would recover it. */
export function readJobRows(dataDir: string): readonly JobRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rows-'))
  try {
    for (const name of ['sluice.db', 'sluice.db-wal'])
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(folder, name))
    const db = new DatabaseSync(join(folder, 'sluice.db'))
    try {
      const rows = db.prepare('select id, model, state, attempt from jobs').all()
      return rows as unknown as readonly JobRow[]
    } finally {
      db.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
