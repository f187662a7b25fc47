import { GatewayError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { AuditEntry, Written } from '../../store/access-store.ts'
import type { AdminRequest } from './admin-route.ts'

type Shown = Readonly<Record<string, unknown>>

/** What was done to what, for the audit. `before` and `after` are as the API shows them: no secret is in them. */
export interface Change {
  readonly action: string
  readonly kind: string
  readonly object: string
  readonly before: Shown | null
  readonly after: Shown | null
}

export function auditOf(
  { admin, requestId }: Pick<AdminRequest<unknown, unknown>, 'admin' | 'requestId'>,
  change: Change,
  { newId, clock }: Pick<Runtime, 'newId' | 'clock'>,
): AuditEntry {
  return { id: newId(), at: clock.now(), actor: admin.username, requestId, ...change }
}

/** Throws 404, 409 and 412 for what was not written. `what` is how the message calls it, such as `virtual key`. */
export function writtenValue<T>(written: Written<T>, what: string): T {
  switch (written.kind) {
    case 'written':
      return written.value
    case 'missing':
      throw missing(what)
    case 'changed':
      throw new GatewayError(
        'version_conflict',
        `This ${what} is at version ${written.version} by now. Read it again, and change that.`,
      )
    case 'name_taken':
      throw new GatewayError('name_taken', `There is another ${what} of that name`, {
        param: 'name',
      })
    case 'in_use':
      throw new GatewayError('in_use', `This ${what} is in use by the ${written.by}`)
    case 'no_such':
      throw new GatewayError('invalid_request', `There is no such ${written.what} any more`, {
        param: written.what,
      })
  }
}

export const missing = (what: string): GatewayError =>
  new GatewayError('not_found', `There is no such ${what}`)

export const inFile = (what: string): GatewayError =>
  new GatewayError(
    'managed_by_file',
    `This ${what} stands in the configuration file, and is changed there`,
  )

const rounds = 5

/**
 * Changes what was read, so that the audit's "before" is what it really was: where the caller named no version, the one
 * that was just read must still stand, and is read again where it does not.
 */
export async function changeRead<T extends { readonly version: number }>(
  ifVersion: number | null,
  read: () => Promise<T>,
  write: (found: T, version: number) => Promise<Written<T>>,
): Promise<Written<T>> {
  for (let round = 1; ; round++) {
    const found = await read()
    const written = await write(found, ifVersion ?? found.version)
    if (ifVersion !== null || written.kind !== 'changed' || round === rounds) return written
  }
}
