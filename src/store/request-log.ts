import type { LoggedCall } from './logged-call.ts'
import type { EncodedBlock } from './request-log-block.ts'
import type { LogFilter, LogPlace } from './request-log-filter.ts'
import type { Facets, Overview, OverviewQuery } from './request-log-sums.ts'

export type BodyPart = 'request' | 'reply'

/** What was said, on its way into the log. */
export interface RawBody {
  readonly call: string
  readonly part: BodyPart
  /** `events`: a stream as it was sent. */
  readonly form: 'json' | 'events'
  readonly bytes: Uint8Array
  /** All that there was of it; `bytes` may be a part. */
  readonly sizeBytes: number
}

/** What was said, as it is kept: media replaced by notes, secrets taken out. */
export interface KeptBody {
  readonly part: BodyPart
  readonly text: string
  readonly sizeBytes: number
  /** Its end is not kept. */
  readonly truncated: boolean
}

/** Calls that could not be written, or may not have been. */
export interface Loss {
  /** Null: a process was killed, and nobody knows how many of its last half second are missing. */
  readonly calls: number | null
  /** Epoch ms. */
  readonly from: number
  readonly to: number
  readonly reason: string
}

export interface LogBatch {
  /** Given again, it is not written a second time. */
  readonly id: string
  readonly blocks: readonly EncodedBlock[]
  readonly bodies: readonly RawBody[]
  readonly loss: Loss | null
}

export interface LogPage {
  readonly calls: readonly LoggedCall[]
  /** Where the next page begins; null: there is nothing older. */
  readonly next: LogPlace | null
  /** Epoch ms: everything that began since was looked at; null: everything there is. */
  readonly searchedTo: number | null
}

export interface LogDetail {
  /** The line of JSON. */
  readonly text: string
  readonly bodies: readonly KeptBody[]
}

export interface LogRules {
  readonly keepMs: number
  readonly contentKeepMs: number
  readonly maxBytes: number
  readonly maxBodyBytes: number
  /** Taken out of what is kept of bodies. */
  readonly secrets: readonly string[]
}

export interface LogSize {
  readonly bytes: number
  readonly contentBytes: number
  /** Epoch ms of the oldest day; null: there is none. */
  readonly oldest: number | null
}

/** The calls that were made, for as long as the rules keep them. All reject with `storage_unavailable`. */
export interface RequestLog {
  append(batch: LogBatch): Promise<void>
  /** Newest first. Looks for a bounded time: a page may be short although there is more, as `next` tells. */
  find(filter: LogFilter, after: LogPlace | null, limit: number): Promise<LogPage>
  /** The same with all that is known of each, as lines of JSON. */
  export(
    filter: LogFilter,
    after: LogPlace | null,
    limit: number,
  ): Promise<{ readonly texts: readonly string[]; readonly next: LogPlace | null }>
  get(id: string): Promise<LogDetail | null>
  /** How many calls have which names, under the filter's other conditions. */
  facets(filter: LogFilter): Promise<Facets>
  overview(query: OverviewQuery): Promise<Overview>
  losses(from: number, to: number): Promise<readonly Loss[]>
  follow(rules: LogRules): Promise<void>
  /** Lets go of what the rules do not keep. `now` is epoch ms. */
  prune(now: number): Promise<LogSize>
  close(): Promise<void>
}
