import { claimJobs, markJobDispatched } from './claim-jobs.ts'
import { cancelJob, finishJob, sweepJobs } from './end-jobs.ts'
import { countJobs, findJob, listJobs } from './find-jobs.ts'
import { createKey, followFileKeys, listKeys, setKeyEnabled } from './key-commands.ts'
import { handBackJob, keepJobs, recoverJobs } from './recover-jobs.ts'
import {
  initialiseSettings,
  ping,
  putSetting,
  readSettings,
  syncClock,
} from './setting-commands.ts'
import type { Steps } from './steps.ts'
import type { CommandName, Store } from './store.ts'
import { submitJob } from './submit-job.ts'

/** The port's commands, for every engine: each the steps of one transaction. */
export const commands: {
  readonly [Name in CommandName]: (
    ...args: Parameters<Store[Name]>
  ) => Steps<Awaited<ReturnType<Store[Name]>>>
} = {
  readSettings,
  initialiseSettings,
  putSetting,
  listKeys,
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
}

/** The steps of a command that came as data. */
export function startCommand(name: CommandName, args: readonly unknown[]): Steps<unknown> {
  const command = commands[name] as (...args: readonly unknown[]) => Steps<unknown>
  return command(...args)
}
