import { useMutation } from '@tanstack/react-query'
import type { ApiError } from './api-error.ts'
import { client } from './client.ts'
import { showToast } from './toasts.ts'

/** A write; what it may have changed is read again afterwards. `told` is said when it was done. */
export function useChange<Given, Result>(
  act: (given: Given) => Promise<Result>,
  how: {
    readonly rereads: readonly string[]
    readonly told?: (result: Result) => string
    readonly onDone?: (result: Result) => void
  },
) {
  return useMutation<Result, ApiError, Given>({
    mutationFn: act,
    onSuccess: (result) => {
      for (const path of how.rereads) void client.invalidateQueries({ queryKey: [path] })
      if (how.told) showToast({ kind: 'done', text: how.told(result) })
      how.onDone?.(result)
    },
  })
}
