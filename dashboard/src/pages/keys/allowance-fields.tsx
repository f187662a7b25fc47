import type { ApiError } from '../../data/api-error.ts'
import { Field, Select } from '../../parts/field.tsx'
import type { BudgetResource, LimitsResource } from './key-shapes.ts'

/** Limits and budget as they are typed. */
export interface Allowance {
  readonly requests: string
  readonly tokens: string
  readonly concurrency: string
  readonly usd: string
  readonly per: string
}

export const toAllowance = (
  limits: LimitsResource | null,
  budget: BudgetResource | null,
): Allowance => ({
  requests: limits?.requests ?? '',
  tokens: limits?.tokens ?? '',
  concurrency: limits?.concurrency ? String(limits.concurrency) : '',
  usd: budget ? String(budget.usd) : '',
  per: budget?.per ?? 'month',
})

/** What the API is given: null where nothing was typed. What the form does not know of a budget stays as it was. */
export function allowanceBody(
  { requests, tokens, concurrency, usd, per }: Allowance,
  before: BudgetResource | null,
): { readonly limits: LimitsResource | null; readonly budget: BudgetResource | null } {
  const limits = {
    ...(requests && { requests }),
    ...(tokens && { tokens }),
    ...(concurrency && { concurrency: Number(concurrency) }),
  }
  const { usd: _usd, usd_nanos: _nanos, per: _per, ...rest } = before ?? { usd: '', per: '' }
  return {
    limits: Object.keys(limits).length > 0 ? limits : null,
    budget: usd === '' ? null : { ...rest, usd, per },
  }
}

const windows = ['hour', 'day', 'week', 'month', '1h', '1d', '7d', '30d']

export function AllowanceFields(props: {
  readonly value: Allowance
  readonly onChange: (value: Allowance) => void
  readonly error: ApiError | null
}) {
  const { value, onChange, error } = props
  const set = (name: keyof Allowance) => (text: string) => onChange({ ...value, [name]: text })
  const problem = (name: string) => (error?.param?.includes(name) ? error.message : null)
  const options = windows.includes(value.per) ? windows : [value.per, ...windows]
  return (
    <div className="fields">
      <Field
        label="Requests"
        value={value.requests}
        onChange={set('requests')}
        placeholder="100/1m"
        problem={problem('requests')}
      />
      <Field
        label="Tokens"
        value={value.tokens}
        onChange={set('tokens')}
        placeholder="100000/1m"
        problem={problem('tokens')}
      />
      <Field
        label="At once"
        type="number"
        value={value.concurrency}
        onChange={set('concurrency')}
        placeholder="10"
        problem={problem('concurrency')}
      />
      <Field
        label="Budget in dollars"
        value={value.usd}
        onChange={set('usd')}
        placeholder="50.00"
        problem={problem('usd')}
      />
      <Select
        label="Budget per"
        value={value.per}
        onChange={set('per')}
        options={options.map((each) => [each, each])}
      />
    </div>
  )
}
