/** Each row on top of those after it, so that the first is drawn first and the others cover its foot. */
export function stacked(rows: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: (number | null)[][] = []
  for (const row of rows.toReversed()) {
    const below = sums[0]
    sums.unshift(row.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)))
  }
  return sums
}

/** A token of the style as a canvas understands it: `light-dark()` is only worked out for an element. */
export function colourOf(element: HTMLElement, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

const slots = 7

/** The same colour for the same name on every page, as long as no other of the chart has it: then the next free one. */
export function slotsOf(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Map<number, string>()
  for (const name of names) {
    let slot = hashOf(name) % slots
    while (taken.has(slot) && taken.size < slots) slot = (slot + 1) % slots
    taken.set(slot, name)
  }
  return new Map([...taken].map(([slot, name]) => [name, `--c${slot + 1}`]))
}

function hashOf(name: string): number {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003
  return sum
}

/** Times without calls are zero calls, not a gap: the series only tells of those with some. */
export function filled<T extends { readonly at: string }>(
  series: readonly T[],
  { from, to, stepMs }: { readonly from: number; readonly to: number; readonly stepMs: number },
): readonly { readonly at: number; readonly value: T | null }[] {
  const known = new Map(series.map((each) => [Date.parse(each.at), each]))
  const start = from - (from % stepMs)
  const steps = Math.min(1000, Math.max(1, Math.ceil((to - start) / stepMs)))
  return Array.from({ length: steps }, (_, step) => {
    const at = start + step * stepMs
    return { at, value: known.get(at) ?? null }
  })
}
