import type { Route, Target } from '../core/route.ts'

/** Which target a call goes to: a pure function of the route and of chance. */
export function chooseTarget(route: Route, random: () => number): Target {
  const first = route.targets[0]
  if (!first) throw new Error(`the route ${route.name} has no targets`)
  return route.strategy === 'weighted' ? pickByWeight(route.targets, random) : first
}

/** `items` is not empty; weights are at least 0, and where all are 0 each counts alike. */
export function pickByWeight<Item extends { readonly weight: number }>(
  items: readonly Item[],
  random: () => number,
): Item {
  if (items.length === 1) return items[0] as Item
  const total = items.reduce((sum, { weight }) => sum + weight, 0)
  let mark = random() * (total || items.length)
  for (const item of items) {
    mark -= total ? item.weight : 1
    if (mark < 0) return item
  }
  // Only rounding leads here, and it must not choose what weighs nothing.
  return (items.findLast(({ weight }) => weight > 0) ?? items.at(-1)) as Item
}
