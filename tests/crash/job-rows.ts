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
  readonly errorCode: string | null
}

/** What a store holds while no gateway runs on it. */
export interface StoredJobs {
  readonly rows: readonly JobRow[]
  /** Rows that only half of a change would leave behind: a result without its final job, a job without its request. */
  readonly strays: number
  /** How many are there although their time is over. */
  readonly due: number
}

export const rowsSql = 'select id, model, state, attempt, error_code as "errorCode" from jobs'

export const dueSql = (now: number): string =>
  `select count(*) as due from jobs where expires_at <= ${now}`

export const straysSql = `
  select
    (select count(*) from job_bodies where not exists
      (select 1 from jobs where id = job_id and state in ('queued', 'leased', 'dispatched'))) +
    (select count(*) from job_results where not exists
      (select 1 from jobs where id = job_id and state in ('succeeded', 'failed'))) +
    (select count(*) from jobs where state in ('queued', 'leased', 'dispatched') and not exists
      (select 1 from job_bodies where job_id = jobs.id)) +
    (select count(*) from jobs where state in ('succeeded', 'failed') and not exists
      (select 1 from job_results where job_id = jobs.id)) as strays`

/** The jobs in the database of a gateway that does not run. A copy is read: opening the file itself would recover it. */
export function readJobRows(dataDir: string): StoredJobs {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rows-'))
  try {
    for (const name of ['sluice.db', 'sluice.db-wal'])
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(folder, name))
    const db = new DatabaseSync(join(folder, 'sluice.db'))
    try {
      const rows = db.prepare(rowsSql).all() as unknown as readonly JobRow[]
      const strays = Number(db.prepare(straysSql).get()?.['strays'])
      return { rows, strays, due: Number(db.prepare(dueSql(Date.now())).get()?.['due']) }
    } finally {
      db.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
