import type { StoredKey } from './access-store.ts'

/** A key with no restriction, no limits and no budget, but for what is given. */
export function newStoredKey(
  given: Pick<StoredKey, 'id' | 'name' | 'hash' | 'hint' | 'origin' | 'createdAt'> &
    Partial<StoredKey>,
): StoredKey {
  return {
    version: 1,
    updatedAt: given.createdAt,
    metadata: {},
    enabled: true,
    disabledAt: null,
    previous: null,
    deletedAt: null,
    models: null,
    providers: null,
    providerKeys: null,
    forwardHeaders: [],
    mayPin: false,
    logContent: true,
    teamId: null,
    customerId: null,
    expiresAt: null,
    limits: null,
    budget: null,
    ...given,
  }
}
