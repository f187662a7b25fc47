const least = 3
const share = 0.2

/** Attempts under way, and beside them the repeats: those that run and those that still wait for their turn. */
export interface Load {
  first: number
  repeats: number
}

export const newLoad = (): Load => ({ first: 0, repeats: 0 })

/**
 * Whether the same may be asked once more: a fifth of what is under way, and three in any case. When everything fails,
 * what is failing must not be asked many times as often for that. Asking somebody else is no repeat.
 */
export const mayRepeat = ({ first, repeats }: Load): boolean =>
  repeats < Math.max(least, share * first)
