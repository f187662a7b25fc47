import { existsSync, statSync } from 'node:fs'
import type { LedgerEntry } from '../gateway/ledger-entry.ts'
import { IntentLog } from '../sinks/intent-log.ts'
import type { Log } from '../sinks/log.ts'
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
  for (const { node, lines, forget } of left) {
    const entries = lines.flatMap((line) => entryIn(line) ?? [])
    let written = 0
    for (let from = 0; from < entries.length; from += batch)
      written += (await store.settleAttempts(node, entries.slice(from, from + batch))).written
    forget()
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
}

function entryIn(line: string): LedgerEntry | null {
  try {
    return JSON.parse(line) as LedgerEntry
  } catch {
    return null
  }
}
