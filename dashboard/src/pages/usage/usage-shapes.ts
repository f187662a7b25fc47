import type { getUsage } from '../../../../src/api/admin/contract-money.ts'
import type { Answer } from '../../data/ask.ts'

export type UsageReport = Answer<typeof getUsage>
export type UsageSum = UsageReport['data'][number]

export const dimensions = [
  'model',
  'provider',
  'key',
  'team',
  'customer',
  'route',
  'outcome',
  'form',
] as const
export type Dimension = (typeof dimensions)[number]

/** What was used by nobody in particular is a line of its own. */
export function nameOf(sum: UsageSum, by: Dimension): string {
  const fields = sum as Readonly<Record<string, unknown>>
  const name = fields[`${by}_name`] ?? fields[by]
  return typeof name === 'string' && name !== '' ? name : `no ${by}`
}
