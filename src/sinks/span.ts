import type { SpanPlace } from '../core/trace.ts'

export type AttributeValue = string | number | boolean | readonly string[]

/** A span that is over, as it is exported. Times are epoch milliseconds with a fraction. */
export interface Span extends SpanPlace {
  /** Null: it is the first of its trace. */
  readonly parentId: string | null
  /** Whether the parent is in another process. */
  readonly hasRemoteParent: boolean
  /** `tracestate`; empty: none. */
  readonly state: string
  readonly name: string
  readonly kind: 'server' | 'client' | 'consumer'
  readonly startedAt: number
  readonly endedAt: number
  readonly isError: boolean
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly links: readonly SpanPlace[]
}
