export interface ListOf<T> {
  readonly data: readonly T[]
}

export interface Page<T> extends ListOf<T> {
  readonly has_more: boolean
}
