import type { Budget, Limits } from '../core/allowance.ts'
import { nanosOf } from '../core/money.ts'
import type { OwnPrice, Price, TokenPrice } from '../core/price.ts'
import { type CompileContext, reportRepeated } from './compile-context.ts'
import type { CustomerConfig, TeamConfig } from './config.ts'
import { nearestName } from './nearest.ts'
import type { RawConfig, RawVirtualKey } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'
import { parseRate, parseWindow } from './units.ts'

type RawAllowance = Pick<RawVirtualKey, 'limits' | 'budget'>

export function compileAllowance({ limits, budget }: RawAllowance): {
  readonly limits: Limits | null
  readonly budget: Budget | null
} {
  return {
    limits: limits
      ? {
          requests: limits.requests === undefined ? null : parseRate(limits.requests),
          tokens: limits.tokens === undefined ? null : parseRate(limits.tokens),
          concurrency: limits.concurrency ?? null,
        }
      : null,
    budget: budget
      ? {
          limitNanos: nanosOf(budget.usd),
          window: parseWindow(budget.per),
          assumeOutputTokens: budget.assume_output_tokens,
          unpriced: budget.unpriced,
          strict: budget.strict,
        }
      : null,
  }
}

/** The file's teams and customers; what a team or a key belongs to must be among them. */
export function compileTenants(
  { teams, customers, virtual_keys: keys }: RawConfig,
  context: CompileContext,
): { readonly teams: readonly TeamConfig[]; readonly customers: readonly CustomerConfig[] } {
  for (const [block, list] of [
    ['teams', teams],
    ['customers', customers],
  ] as const)
    reportRepeated(
      list,
      ({ name }) => name,
      (i) => context.report([block, i, 'name'], `there are two ${block} named "${list[i]?.name}".`),
    )
  const teamNames = teams.map(({ name }) => name)
  const customerNames = customers.map(({ name }) => name)
  teams.forEach(({ customer }, i) => {
    checkKnown(customer, customerNames, ['teams', i, 'customer'], context)
  })
  keys.forEach(({ team, customer }, i) => {
    checkKnown(team, teamNames, ['virtual_keys', i, 'team'], context)
    checkKnown(customer, customerNames, ['virtual_keys', i, 'customer'], context)
    const owner = teams.find(({ name }) => name === team)?.customer
    if (customer !== undefined && owner !== undefined && owner !== customer)
      context.report(
        ['virtual_keys', i, 'customer'],
        `the team "${team}" belongs to the customer "${owner}". Leave "customer" out, or name that one.`,
      )
  })
  return {
    customers: customers.map((one) => ({
      name: one.name,
      ...compileAllowance(one),
      metadata: one.metadata,
    })),
    teams: teams.map((one) => ({
      name: one.name,
      customer: one.customer ?? null,
      ...compileAllowance(one),
      metadata: one.metadata,
    })),
  }
}

function checkKnown(
  name: string | undefined,
  known: readonly string[],
  path: Path,
  { report }: CompileContext,
): void {
  if (name === undefined || known.includes(name)) return
  const near = nearestName(name, known)
  const hint = near ? `Did you mean "${near}"?` : 'Add it to the file.'
  report(path, `${showPath(path)}: there is no "${name}" in this file. ${hint}`)
}

type RawPrice = RawConfig['prices'][string]['earlier'][number]

export function compilePrices(
  { prices }: RawConfig,
  { report }: CompileContext,
): ReadonlyMap<string, readonly OwnPrice[]> {
  const all = Object.entries(prices).map(([model, given]) => {
    const list: readonly RawPrice[] = [given, ...given.earlier]
    const own = list.map((one, i): OwnPrice => {
      const at = ['prices', model, ...(i > 0 ? ['earlier', i - 1] : [])]
      const from = one.from === undefined ? 0 : Date.parse(one.from)
      if (Number.isNaN(from))
        report([...at, 'from'], `"${one.from}" is no time such as 2026-01-01T00:00:00Z.`)
      if (dearest(one) > dearestPerMillion)
        report(
          at,
          `a price of ${dearest(one)} dollars per million tokens is a slip of the pen: prices are per million, in dollars.`,
        )
      return { from, price: compilePrice(one, from) }
    })
    const rising = own.toSorted((a, b) => a.from - b.from)
    if (new Set(own.map(({ from }) => from)).size < own.length)
      report(['prices', model], 'two prices begin at the same time.', 'key')
    return [model, rising] as const
  })
  return new Map(all)
}

const dearestPerMillion = 100_000
const dearest = (raw: RawPrice): number => Math.max(raw.input_per_million, raw.output_per_million)

function compilePrice(raw: RawPrice, from: number): Price {
  const flat = (dollars: number | undefined): TokenPrice | null =>
    dollars === undefined ? null : { base: nanosOf(dollars), tiers: [] }
  return {
    input: { base: nanosOf(raw.input_per_million), tiers: [] },
    output: { base: nanosOf(raw.output_per_million), tiers: [] },
    cachedInput: flat(raw.cached_input_per_million),
    cacheWrite: flat(raw.cache_write_per_million),
    audioInput: flat(raw.audio_input_per_million),
    audioOutput: flat(raw.audio_output_per_million),
    perRequest: nanosOf(raw.per_request ?? 0),
    source: from > 0 && !Number.isNaN(from) ? `file: from ${new Date(from).toISOString()}` : 'file',
  }
}
