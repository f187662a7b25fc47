import type {
  getLog,
  getLogFacets,
  getOverview,
  listLogs,
} from '../../../src/api/admin/contract-logs.ts'
import type { Answer } from './ask.ts'

export type LogPage = Answer<typeof listLogs>
/** A settled call as lists show it. */
export type LoggedCall = LogPage['data'][number]
export type LogDetail = Answer<typeof getLog>
export type KeptBody = NonNullable<LogDetail['request']>
export type Facets = Answer<typeof getLogFacets>
export type Overview = Answer<typeof getOverview>
export type CallSums = Overview['all']
export type NamedSums = Overview['by_model'][number]
