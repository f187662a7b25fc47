import { existsSync, statSync } from 'node:fs'
import { IntentLog } from '../sinks/intent-log.ts'
import type { Log } from '../sinks/log.ts'
import type { LedgerLine } from '../store/ledger-store.ts'
import type { Store } from '../store/store.ts'
import { isOfThisBoot, isRunning } from './node-name.ts'
import { UsageError } from './usage-error.ts'

const batch = 500

/**
 * What a process that died had under way is settled as an estimate. What it had taken ahead goes back where its notes
 * are all there, which a killed process leaves; after a power failure notes may be missing, and it is charged instead.
 * On a shared store only what was left in this data folder is this gateway's to end.
 */
export async function settleLeftovers(
  store: Store,
  folder: string,
  now: number,
  logger: Log['logger'],
): Promise<void> {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UsageError(
      `${folder} is no folder: notes of calls under way are kept there. Move it away.`,
      1,
    )
  // Several gateways on one store may have the same data folder.
  const left = IntentLog.recover(folder).filter(({ node }) => !isRunning(node))
  for (const { node, lines } of left) {
    const last = lastOfEach(lines())
    let written = 0
    for (let from = 0; from < last.length; from += batch)
      written += (await store.settleAttempts(node, last.slice(from, from + batch))).written
    if (written > 0)
      logger.warn({ attempts: written }, 'calls that a process left open were settled as estimates')
  }
  const dead = store.shared ? left.map(({ node }) => node) : await store.listLeaseNodes(null)
  for (const node of dead) {
    const isSameBoot = isOfThisBoot(node)
    const ended = await store.endNodeLeases(node, !isSameBoot, now)
    if (ended.length > 0 && !isSameBoot)
      logger.warn(
        { budgets: ended.map(({ scope, scopeId }) => `${scope}:${scopeId}`) },
        'money that was taken ahead before the machine went down was charged, unattributed',
      )
  }
  // Last: on a shared store the files alone tell whose leases these were.
  for (const { forget } of left) forget()
}

/** Of each attempt the last that was noted: what it came to, where that was known already. */
function lastOfEach(lines: readonly string[]): readonly LedgerLine[] {
  const byId = new Map<string, LedgerLine>()
  for (const line of lines) {
    const note = noteIn(line)
    if (note?.isTakenBack) byId.delete(note.id)
    else if (note) byId.set(note.id, line)
  }
  return [...byId.values()]
}

/** Null: it is no whole line. */
function noteIn(line: string): { readonly id: string; readonly isTakenBack: boolean } | null {
  try {
    const cells: unknown = JSON.parse(line)
    if (!Array.isArray(cells) || typeof cells[0] !== 'string') return null
    return { id: cells[0], isTakenBack: cells.length === 1 }
  } catch {
    return null
  }
}
