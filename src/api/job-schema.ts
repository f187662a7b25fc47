import { Type } from 'typebox'

// What the routes of jobs answer, as published.

const open = { additionalProperties: true } as const

const time = (description: string) => Type.String({ format: 'date-time', description })

const timeOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description })

const known = {
  id: Type.String({ format: 'uuid' }),
  status: Type.String({
    enum: ['pending', 'processing', 'completed', 'failed'],
    description:
      '`failed` also for a job that was cancelled; `error.code` then is `job_cancelled`.',
  }),
  created_at: time('When it was submitted, UTC.'),
}

export const JobSchema = Type.Object(
  {
    ...known,
    completed_at: Type.Optional(time('When it was completed or failed.')),
    expires_at: Type.Optional(time('From when on nobody finds it any more.')),
    status_code: Type.Optional(
      Type.Integer({ description: 'The status a synchronous caller would have got.' }),
    ),
    result: Type.Optional(
      Type.Unsafe<object>({
        type: 'object',
        description: 'Once it is completed: the answer as the provider gave it.',
      }),
    ),
    error: Type.Optional(
      Type.Object(
        {
          message: Type.String(),
          type: Type.String(),
          param: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
          code: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
        },
        { description: 'Once it has failed.', ...open },
      ),
    ),
  },
  {
    $id: 'Job',
    description: 'A chat completion that is made later. What is not known yet is left out.',
    ...open,
  },
)

export const JobListSchema = Type.Object(
  {
    object: Type.Literal('list'),
    data: Type.Array(
      Type.Object(
        {
          ...known,
          model: Type.String({ description: 'As it was asked for.' }),
          owner: Type.String({
            description: 'Whose it is: `key:` and the name of the virtual key.',
          }),
          route: Type.String({ description: 'The address it was submitted on.' }),
          attempt: Type.Integer({ description: 'How often it has been taken up.' }),
          completed_at: timeOrNull('When it was completed or failed.'),
          expires_at: timeOrNull('From when on nobody finds it any more.'),
          status_code: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
          error_code: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
        },
        { $id: 'ListedJob', description: 'A job without its result.', ...open },
      ),
    ),
    has_more: Type.Boolean({ description: 'Whether older ones follow: ask with `after`.' }),
  },
  { $id: 'JobList', description: 'Jobs, newest first.', ...open },
)
