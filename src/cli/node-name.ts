import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

const ownBoot = randomUUID().replaceAll('-', '')

/** A name for this process that no other one ever has, which tells the machine's start and the process it is of. */
export const nodeName = (): string =>
  `${bootId()}-${process.pid}_${startOf(process.pid) ?? 0}-${randomUUID()}`

/** Whether it was named since the machine was started; false where the system does not tell. */
export const isOfThisBoot = (node: string): boolean => node.startsWith(`${bootId()}-`)

/** Whether another process of that name is still there. */
export function isRunning(node: string): boolean {
  if (!isOfThisBoot(node)) return false
  const [, pid, start] = /^[^-]+-(\d+)_(\d+)-/.exec(node) ?? []
  // A number may have gone to another process since, which began later.
  return Number(pid) !== process.pid && start !== undefined && startOf(Number(pid)) === start
}

/** Another one with every start of the machine; where the system tells none, with every start of the process. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
  } catch {
    return ownBoot
  }
}

/** When a process began, in the system's own count; null: there is none, or the system does not tell. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? null : (fields[18] ?? null)
  } catch {
    return null
  }
}
