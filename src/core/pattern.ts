const compiled = new Map<string, RegExp>()

/** Whether a name fits a pattern in which `*` stands for any characters. Patterns come from the configuration only. */
export function fitsPattern(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name
  let regexp = compiled.get(pattern)
  if (!regexp) {
    if (compiled.size > 10_000) compiled.clear()
    const parts = pattern.split(/\*+/).map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    regexp = new RegExp(`^${parts.join('.*')}$`, 's')
    compiled.set(pattern, regexp)
  }
  return regexp.test(name)
}

export const fitsAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => fitsPattern(pattern, name))
