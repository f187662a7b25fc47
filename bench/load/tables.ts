import { formatNumber, markdownTable } from '../statistics.ts'
import type { measureAborts } from './abort.ts'
import type { Summary } from './summary.ts'
import type { measureMemory } from './workloads.ts'

export type Memory = Awaited<ReturnType<typeof measureMemory>>
export type Aborts = Awaited<ReturnType<typeof measureAborts>>

export function workloadTable(summary: Summary): string {
  const hasLatency = Object.values(summary.rows).some((row) => row.added)
  const ratios = ['**x base**', 'of minima', 'min..max', 'x nginx', 'portkey / this', 'rounds']
  const head = ['variant', `CPU µs/${summary.unit}`, ...ratios, 'util', 'p50 µs', 'p99 µs']
  if (hasLatency) head.push('+p50', '+p99', '+first byte p50', '+first byte p99')
  const lines = Object.entries(summary.rows).map(([label, row]) => {
    const base = row.overBase
    const cells = [
      label,
      formatNumber(row.cpuUs, 1),
      base ? `**${formatNumber(base.median)}**` : '-',
      formatNumber(base?.ofMinima),
      base ? `${formatNumber(base.min)}..${formatNumber(base.max)}` : '-',
      formatNumber(row.overNginx?.median),
      formatNumber(row.portkeyOverThis?.median),
      formatNumber(base?.rounds, 0),
      formatNumber(row.util),
      formatNumber(row.p50Us, 0),
      formatNumber(row.p99Us, 0),
    ]
    if (hasLatency) {
      cells.push(
        formatNumber(row.added?.p50Us, 0),
        formatNumber(row.added?.p99Us, 0),
        formatNumber(row.added?.firstByteP50Us, 0),
        formatNumber(row.added?.firstByteP99Us, 0),
      )
    }
    return [...cells, String(row.errors)]
  })
  const noise = summary.quiet
    ? ''
    : '  (NOISY: fewer than two rounds, or the A/A control is outside 0.85..1.15)'
  return `\n### ${summary.title}${noise}\n${markdownTable([...head, 'errors'], lines)}`
}

export function memoryTable(memory: ReadonlyMap<string, Memory>): string {
  const head = ['variant', 'MB idle', 'MB with streams', 'KB per stream', 'streams open', 'errors']
  const lines = [...memory].map(([label, row]) => [
    label,
    formatNumber(row.idleMb, 0),
    formatNumber(row.loadedMb, 0),
    row.open === row.streams ? `**${formatNumber(row.kbPerStream, 0)}**` : '- (too few open)',
    String(row.open),
    String(row.errors),
  ])
  return `\n### Memory of 1,000 open slow streams\n${markdownTable(head, lines)}`
}

export function abortTable(aborts: ReadonlyMap<string, Aborts>): string {
  const head = ['variant', 'aborted', 'p50 µs', 'p99 µs', 'max µs', 'never closed']
  const lines = [...aborts].map(([label, row]) => [
    label,
    String(row.aborted),
    formatNumber(row.p50Us, 0),
    formatNumber(row.p99Us, 0),
    formatNumber(row.maxUs, 0),
    String(row.neverClosed),
  ])
  return `\n### From the client's close to the upstream's, idle streams\n${markdownTable(head, lines)}`
}
