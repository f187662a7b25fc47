const dimensions = 'key_id, team_id, customer_id, route, provider, model, outcome, form'
const counts = [
  'calls',
  'attempts',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'reasoning_tokens',
  'cost_nanos',
  'unpriced',
  'estimated',
]
const outcomes = ['answered', 'failed', 'aborted', 'interrupted']
const forms = ['plain', 'stream', 'job']

const empty = (outcome: string, form: string): string => `'["","","","","","",${outcome},${form}]'`

const slots = outcomes.flatMap((outcome) =>
  forms.map(
    (form) => `insert into usage_slots (id, name, ${dimensions})
      select (select coalesce(max(id), 0) + 1 from usage_slots), ${empty(`"${outcome}"`, `"${form}"`)},
        '', '', '', '', '', '', '${outcome}', '${form}'
      where true on conflict (name) do nothing`,
  ),
)

/** Sums of a grain that are added up from those of a finer side. */
const sums = (grain: number, from: number, isSlot: string): string =>
  `insert into usage_sums (grain, at, slot, ${counts.join(', ')})
    select ${grain}, fine.at, slot.id, ${counts.map((each) => `sum(fine.${each})`).join(', ')}
    from usage_sums as fine
    join usage_slots as known on known.id = fine.slot
    join usage_slots as slot on slot.outcome = known.outcome and slot.form = known.form and ${isSlot}
    where fine.grain = ${from} group by fine.at, slot.id`

const has = (names: readonly string[]): string =>
  names.map((name) => `slot.${name} = known.${name}`).join(' and ')
const hasNo = (names: readonly string[]): string =>
  names.map((name) => `slot.${name} = ''`).join(' and ')
const caller = ['key_id', 'team_id', 'customer_id']
const model = ['route', 'provider', 'model']
const neither = hasNo([...caller, ...model])

/** Grains 5 to 9 of what was summed before there were any, and pages of keys. */
export const usageSides: readonly string[] = [
  ...slots,
  sums(5, 0, neither),
  sums(6, 3, neither),
  sums(7, 2, `${has(caller)} and ${hasNo(model)}`),
  sums(8, 2, `${has(model)} and ${hasNo(caller)}`),
  sums(9, 2, neither),
  `create index virtual_keys_created on virtual_keys (created_at, id)`,
]
