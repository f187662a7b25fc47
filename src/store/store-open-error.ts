/** The store cannot be used. The message is for the operator: one sentence with the path and the fix. */
export class StoreOpenError extends Error {
  override readonly name: string = 'StoreOpenError'
}

/** Another process of ours has the database; it lets go by itself when that process ends, however it ends. */
export class StoreLockedError extends StoreOpenError {
  override readonly name = 'StoreLockedError'
}
