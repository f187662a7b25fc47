/** What the terminal would obey instead of show: names of models are a caller's text. */
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

export type JobFields = Readonly<Record<string, unknown>>

/** Jobs as aligned columns below a head; one sentence where there is none. */
export function renderJobList(jobs: readonly JobFields[], nowMs: number): string {
  if (jobs.length === 0) return 'There are no such jobs.\n'
  const rows = [
    ['ID', 'STATUS', 'OWNER', 'MODEL', 'CREATED', 'AGE'],
    ...jobs.map((job) => [
      show(job['id']),
      statusOf(job),
      show(job['owner']),
      show(job['model']),
      seconds(job['created_at']),
      ageOf(job['created_at'], nowMs),
    ]),
  ]
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** Everything that is known of one job, a line each, and below them its result or its error. */
export function renderJob(job: JobFields, nowMs: number): string {
  const { result, error, ...facts } = job
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  const lines = Object.entries(facts).map(([name, value]) => {
    const age = name === 'created_at' ? `  (${ageOf(value, nowMs)} ago)` : ''
    return `${printable(name).padEnd(width)}  ${show(value)}${age}`
  })
  const end = result !== undefined ? { result } : error !== undefined ? { error } : {}
  for (const [name, value] of Object.entries(end))
    lines.push('', name, ...JSON.stringify(value, null, 2).split('\n').map(printable))
  return `${lines.join('\n')}\n`
}

const printable = (text: string): string => text.replace(controls, '?')

const show = (value: unknown): string =>
  value === null || value === undefined
    ? '-'
    : printable(typeof value === 'string' ? value : JSON.stringify(value))

const statusOf = (job: JobFields): string =>
  job['error_code'] === 'job_cancelled' ? 'cancelled' : show(job['status'])

const seconds = (time: unknown): string => show(time).replace(/\.\d+Z$/, 'Z')

const units: readonly (readonly [suffix: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** The largest whole unit: `3m`. */
function ageOf(time: unknown, nowMs: number): string {
  const ageMs = nowMs - Date.parse(String(time))
  if (Number.isNaN(ageMs)) return '-'
  const [suffix, ms] = units.find(([, each]) => ageMs >= each) ?? ['s', 1000]
  return `${Math.max(0, Math.floor(ageMs / ms))}${suffix}`
}
