import { formatDistance, formatMs } from '../../data/format.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import type { JobRow } from '../jobs-page.tsx'

const tones: Readonly<Record<JobRow['status'], Tone>> = {
  pending: 'plain',
  processing: 'info',
  completed: 'ok',
  failed: 'err',
}

export function JobCard(props: {
  readonly job: JobRow
  readonly onOpen: () => void
  readonly onCancel: () => void
}) {
  const { job, onOpen, onCancel } = props
  const now = Date.now()
  const isOpen = job.status === 'pending' || job.status === 'processing'
  return (
    <li className="card">
      <div className="actions">
        <button type="button" className="link mono" onClick={onOpen}>
          {job.id.slice(0, 8)}
        </button>
        <span>{job.model}</span>
        <Badge tone={tones[job.status]}>{job.error_code ?? job.status}</Badge>
      </div>
      <span className="dim">
        {job.owner.replace(/^key:/, '')}, submitted {formatDistance(job.created_at, now)}
      </span>
      <span className="dim">
        {job.attempt > 0 && `taken up ${job.attempt === 1 ? 'once' : `${job.attempt} times`}`}
        {job.completed_at !== null &&
          `, ended after ${formatMs(Date.parse(job.completed_at) - Date.parse(job.created_at))}`}
        {job.expires_at !== null && `, gone ${formatDistance(job.expires_at, now)}`}
      </span>
      {isOpen && (
        <div className="actions">
          <button type="button" aria-label={`Cancel job ${job.id.slice(0, 8)}`} onClick={onCancel}>
            Cancel
          </button>
        </div>
      )}
    </li>
  )
}
