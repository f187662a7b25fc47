let order: readonly string[] = []

/** The list that a request was opened from, so that the next one can be opened from the request. */
export function rememberOrder(ids: readonly string[]): void {
  order = ids
}

export function besides(id: string): {
  readonly newer: string | undefined
  readonly older: string | undefined
} {
  const at = order.indexOf(id)
  if (at === -1) return { newer: undefined, older: undefined }
  return { newer: order[at - 1], older: order[at + 1] }
}
