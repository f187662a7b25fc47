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

/** One name for what several dimensions tell apart. */
export const nameOfAll = (sum: UsageSum, by: readonly Dimension[]): string =>
  sum.others > 0 ? nameOfOthers(sum) : by.map((each) => nameOf(sum, each)).join(' · ')

/** What costs least shares one row where there is too much to show. */
const nameOfOthers = ({ others }: UsageSum): string => `${others} others`

/** What was used by nobody in particular is a line of its own. */
export function nameOf(sum: UsageSum, by: Dimension): string {
  if (sum.others > 0) return nameOfOthers(sum)
  const fields = sum as Readonly<Record<string, unknown>>
  const name = fields[`${by}_name`] ?? fields[by]
  return typeof name === 'string' && name !== '' ? name : `no ${by}`
}
