import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { SpanPlace } from '../core/trace.ts'
import type { CallerExtras } from '../gateway/upstream-request.ts'
import type { Sealer } from '../governance/sealer.ts'

/** The newest form that is written and read here; a worker leaves newer ones to newer workers. */
export const payloadVersion = 1

/** What a job needs besides its body, its owner and its route. */
export interface JobContext {
  readonly requestId: string
  readonly surface: Call['surface']
  readonly deployment: string | null
  readonly dimensions: Call['dimensions']
  /** The span of the call that handed it in; absent or null: it has none that is kept. */
  readonly trace?: SpanPlace | null
  readonly extras: CallerExtras
}

/** Headers to be sent on may be credentials, and are kept sealed. */
export function encodeContext({ extras, ...rest }: JobContext, sealer: Sealer): string {
  const { headers, ...others } = extras
  const sealed = headers === null ? null : sealer.seal(JSON.stringify(headers))
  return JSON.stringify({ ...rest, extras: { ...others, sealed } })
}

/** Throws `internal_error` where it cannot be read. */
export function decodeContext(text: string, sealer: Sealer): JobContext {
  try {
    const { extras, ...rest } = JSON.parse(text) as StoredContext
    const { sealed, ...others } = extras
    const headers = sealed === null ? null : JSON.parse(sealer.open(sealed))
    return { ...rest, extras: { ...others, headers } }
  } catch (cause) {
    throw GatewayError.from(cause)
  }
}

/** The same with what is sealed in it under the key of now; null: it is as it should be. Throws as `decodeContext`. */
export function resealContext(text: string, sealer: Sealer): string | null {
  try {
    const { extras, ...rest } = JSON.parse(text) as StoredContext
    const sealed = extras.sealed === null ? null : sealer.reseal(extras.sealed)
    return sealed === null ? null : JSON.stringify({ ...rest, extras: { ...extras, sealed } })
  } catch (cause) {
    throw GatewayError.from(cause)
  }
}

type StoredContext = Omit<JobContext, 'extras'> & {
  readonly extras: Omit<CallerExtras, 'headers'> & { readonly sealed: string | null }
}
