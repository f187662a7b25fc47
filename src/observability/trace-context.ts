import type { CallTrace, SpanPlace } from '../core/trace.ts'

/** What a caller says of the trace its call belongs to. */
export interface RemoteParent extends SpanPlace {
  readonly sampled: boolean
  /** Empty where there is none, or none that is well formed. */
  readonly state: string
}

const parentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const zeros = /^0+$/

/** `traceparent` and `tracestate` by W3C Trace Context; null: there is no parent, or it is malformed. */
export function readParent(traceparent: unknown, tracestate: unknown): RemoteParent | null {
  if (typeof traceparent !== 'string' || traceparent.length > 512) return null
  const found = parentForm.exec(traceparent.trim())
  if (!found) return null
  const [, version, traceId = '', spanId = '', flags = '', more] = found
  // A later version may say more; the first one may not.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  if (zeros.test(traceId) || zeros.test(spanId)) return null
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId, spanId, sampled, state: readState(tracestate) }
}

const stateMember = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,256}$/
const stateAtMost = { length: 512, members: 32 }

function readState(given: unknown): string {
  if (typeof given !== 'string' || given.length > stateAtMost.length) return ''
  const members = given
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  if (members.length > stateAtMost.members) return ''
  return members.every((member) => stateMember.test(member)) ? members.join(',') : ''
}

/** A call in a trace that is known here and carried no further. */
export const heardOf = (parent: RemoteParent): CallTrace => ({
  traceId: parent.traceId,
  parentId: parent.spanId,
  spanId: null,
  sampled: false,
  state: parent.state,
  submit: null,
  request: null,
  reply: null,
})

/** 64 random bits of a random UUID, whose other digits are not all chance. */
export const spanIdOf = (randomId: string): string => randomId.slice(0, 8) + randomId.slice(28)

export const traceIdOf = (randomId: string): string => randomId.replaceAll('-', '')

/** Of the call's own span, where it is kept. */
export const spanPlaceOf = ({ traceId, spanId, sampled }: CallTrace): SpanPlace | null =>
  spanId !== null && sampled ? { traceId, spanId } : null

/** The id of a span below the call's; null: traces are off. */
export const childSpanId = ({ spanId }: CallTrace, randomId: () => string): string | null =>
  spanId === null ? null : spanIdOf(randomId())

/** Headers with those of the trace, where they do not have them: `spanId` becomes the receiver's parent. */
export function withTrace(
  headers: readonly string[],
  { traceId, sampled, state }: CallTrace,
  spanId: string,
): readonly string[] {
  if (headers.includes('traceparent')) return headers
  const parent = ['traceparent', `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`]
  return [...headers, ...parent, ...(state === '' ? [] : ['tracestate', state])]
}
