import { accessVersion } from './access-changes.ts'
import { appendAudit, listAudit } from './audit-commands.ts'
import {
  endNodeLeases,
  leaseBudgets,
  listLeaseNodes,
  readBudgets,
  returnLeases,
} from './budget-commands.ts'
import { claimJobs, markJobDispatched } from './claim-jobs.ts'
import { cancelJob, finishJob, sweepJobs } from './end-jobs.ts'
import { countJobs, findJob, listJobs } from './find-jobs.ts'
import { listLedger, pruneLedger } from './find-ledger.ts'
import { findNames } from './find-names.ts'
import {
  createKey,
  deleteKey,
  findKey,
  followFileKeys,
  listKeys,
  pageKeys,
  rotateKey,
  setKeyEnabled,
  updateKey,
} from './key-commands.ts'
import {
  createManaged,
  deleteManaged,
  findManaged,
  listManaged,
  updateManaged,
} from './managed-commands.ts'
import { correctDrift, findDrift } from './recount.ts'
import { handBackJob, keepJobs, recoverJobs } from './recover-jobs.ts'
import { deleteScope, listScopes, putScope } from './scope-commands.ts'
import { listSealed, resealKeys } from './seal-commands.ts'
import {
  createSession,
  deleteSession,
  deleteSessions,
  listSessions,
  sweepSessions,
  touchSession,
} from './session-commands.ts'
import {
  initialiseSettings,
  ping,
  putSetting,
  readSettings,
  syncClock,
} from './setting-commands.ts'
import { repriceRows, settleAttempts } from './settle-attempts.ts'
import type { Steps } from './steps.ts'
import type { CommandName, Commands } from './store.ts'
import { submitJob } from './submit-job.ts'
import { sumUsage, weighUsage } from './sum-usage.ts'

/** The port's commands, for every engine: each the steps of one transaction. */
export const commands: {
  readonly [Name in CommandName]: (
    ...args: Parameters<Commands[Name]>
  ) => Steps<Awaited<ReturnType<Commands[Name]>>>
} = {
  readSettings,
  initialiseSettings,
  putSetting,
  listKeys,
  pageKeys,
  findNames,
  createKey,
  followFileKeys,
  setKeyEnabled,
  ping,
  syncClock,
  submitJob,
  findJob,
  listJobs,
  countJobs,
  claimJobs,
  markJobDispatched,
  keepJobs,
  finishJob,
  handBackJob,
  cancelJob,
  recoverJobs,
  sweepJobs,
  accessVersion,
  findKey,
  updateKey,
  rotateKey,
  deleteKey,
  listManaged,
  findManaged,
  createManaged,
  updateManaged,
  deleteManaged,
  listScopes,
  putScope,
  deleteScope,
  listSealed,
  resealKeys,
  createSession,
  touchSession,
  deleteSession,
  deleteSessions,
  listSessions,
  sweepSessions,
  appendAudit,
  listAudit,
  leaseBudgets,
  listLeaseNodes,
  returnLeases,
  settleAttempts,
  endNodeLeases,
  readBudgets,
  sumUsage,
  weighUsage,
  listLedger,
  findDrift,
  correctDrift,
  repriceRows,
  pruneLedger,
}

/** The steps of a command that came as data. */
export function startCommand(name: CommandName, args: readonly unknown[]): Steps<unknown> {
  const command = commands[name] as (...args: readonly unknown[]) => Steps<unknown>
  return command(...args)
}
