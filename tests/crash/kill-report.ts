import { type MomentKind, momentNames } from './kill-moment.ts'

export const phases = [
  'submitted, before the commit',
  'queued, not acknowledged',
  'queued',
  'leased',
  'dispatched',
  'answer half sent',
  'answer sent, before the settle',
  'DELETE under way',
  'done',
  'removed, its time was over',
] as const
export type Phase = (typeof phases)[number]

/** What all rounds together have shown. */
export class KillReport {
  readonly violations: string[] = []
  readonly recoveriesMs: number[] = []
  readonly #phases = new Map<Phase, { jobs: number; kills: number }>()
  readonly #moments = new Map<MomentKind, number>()
  rounds = 0
  kills = 0
  acknowledged = 0
  repeated = 0
  dispatches = 0
  jobs = 0
  /** Jobs that were asked to be cancelled and were. */
  cancelled = 0
  /** Of the kills, those that came while the gateway drained, and the drains that ended before they were cut short. */
  drains = { cut: 0, ended: 0 }
  /** Kills at which jobs whose time was over were still to be removed. */
  sweeps = 0

  noteKill(kind: MomentKind, found: readonly Phase[]): void {
    this.kills++
    this.#moments.set(kind, (this.#moments.get(kind) ?? 0) + 1)
    for (const phase of new Set(found)) {
      const known = this.#phases.get(phase) ?? { jobs: 0, kills: 0 }
      known.jobs += found.filter((each) => each === phase).length
      known.kills++
      this.#phases.set(phase, known)
    }
  }

  /** How many kills met a job in this phase. */
  killsIn(phase: Phase): number {
    return this.#phases.get(phase)?.kills ?? 0
  }

  render(): string {
    const { rounds, kills, jobs, acknowledged, repeated, dispatches, recoveriesMs } = this
    const { cancelled, drains, sweeps } = this
    const phaseRows = phases.map((phase) => {
      const { jobs: met, kills: hit } = this.#phases.get(phase) ?? { jobs: 0, kills: 0 }
      return [phase, String(hit), String(met)]
    })
    const momentRows = Object.entries(momentNames).map(([kind, name]) => [
      name,
      String(this.#moments.get(kind as MomentKind) ?? 0),
      '',
    ])
    const sorted = recoveriesMs.toSorted((a, b) => a - b)
    const at = (share: number): string =>
      (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0)
    return [
      table(['phase of a job at a kill', 'kills', 'jobs'], phaseRows),
      table(['killed when', 'kills', ''], momentRows),
      `${rounds} rounds, ${kills} kills, ${jobs} jobs: ${acknowledged} acknowledged, ${repeated} submits repeated, ${dispatches} dispatches, ${cancelled} cancelled`,
      `${drains.cut} kills during a drain, ${drains.ended} drains ended by themselves, ${sweeps} kills before a removal that was due`,
      `first orphan dispatched again after listening: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (${sorted.length} restarts)`,
      `violations: ${this.violations.length}`,
    ].join('\n\n')
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
