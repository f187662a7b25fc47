/** A refusal of the gateway, or that it could not be asked at all: then `status` is 0. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | null
  readonly requestId: string | null

  constructor(
    message: string,
    facts: { status: number; code: string; param?: string | null; requestId?: string | null },
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = facts.status
    this.code = facts.code
    this.param = facts.param ?? null
    this.requestId = facts.requestId ?? null
  }
}

/** Reads the error envelope; a body that is none still gives a sentence. */
export async function toApiError(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('x-request-id')
  const body: unknown = await response.json().catch(() => null)
  const error = (body as { error?: { message?: unknown; code?: unknown; param?: unknown } } | null)
    ?.error
  return new ApiError(
    typeof error?.message === 'string' ? error.message : `The gateway answered ${response.status}`,
    {
      status: response.status,
      code: typeof error?.code === 'string' ? error.code : 'unknown',
      param: typeof error?.param === 'string' ? error.param : null,
      requestId,
    },
  )
}
