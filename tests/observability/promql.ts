/** What a PromQL expression reads. */
export interface Selector {
  readonly metric: string
  /** By the label's name: what it is compared with. */
  readonly matchers: readonly { readonly label: string; readonly value: string }[]
}

export interface Reading {
  readonly selectors: readonly Selector[]
  /** Labels that results are grouped by. */
  readonly groupedBy: readonly string[]
}

const functions = new Set([
  ...[
    'avg',
    'changes',
    'count',
    'delta',
    'histogram_quantile',
    'increase',
    'max',
    'min',
    'rate',
    'sum',
  ],
])
const grouping = new Set(['by', 'without', 'on', 'ignoring'])
const token =
  /\s+|"(?:[^"\\]|\\.)*"|\[[0-9]+[smhd]\]|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9]+(?:\.[0-9]+)?|==|!=|=~|!~|>=|<=|[-+*/<>=(){},]/y

/** Reads an expression of the few forms that are used here; throws at whatever is none of them. */
export function readPromql(text: string): Reading {
  const tokens = tokensOf(text)
  const selectors: Selector[] = []
  const groupedBy: string[] = []
  let at = 0
  const take = (wanted: RegExp): string => {
    const found = tokens[at++]
    if (found === undefined || !wanted.test(found))
      throw new Error(`${found ?? 'the end'} where ${wanted} should be: ${text}`)
    return found
  }
  const takeList = (close: string, item: () => void): void => {
    while (tokens[at] !== close) {
      item()
      if (tokens[at] !== close) take(/^,$/)
    }
    at++
  }
  const takeMatchers = (): Selector['matchers'] => {
    const matchers: { label: string; value: string }[] = []
    if (tokens[at] !== '{') return matchers
    at++
    takeList('}', () => {
      const label = take(/^[a-z_]+$/i)
      take(/^(=|!=|=~|!~)$/)
      matchers.push({ label, value: JSON.parse(take(/^"/)) as string })
    })
    return matchers
  }
  let depth = 0
  let wantsOperand = true
  while (at < tokens.length) {
    const word = tokens[at++] ?? ''
    if (word === '(') depth++
    else if (word === ')') depth--
    else if (grouping.has(word)) {
      take(/^\($/)
      takeList(')', () => groupedBy.push(take(/^[a-z_]+$/i)))
      continue
    } else if (functions.has(word)) {
      if (tokens[at] !== '(' && !grouping.has(tokens[at] ?? ''))
        throw new Error(`${word} is not called: ${text}`)
      continue
    } else if (/^[a-zA-Z_:]/.test(word)) {
      selectors.push({ metric: word, matchers: takeMatchers() })
      if (tokens[at]?.startsWith('[')) at++
    } else if (word === '{' || word === '}' || word.startsWith('"') || word.startsWith('['))
      throw new Error(`${word} out of place: ${text}`)
    const begins = word === '(' || /^[a-zA-Z_:0-9]/.test(word)
    if (begins && !wantsOperand) throw new Error(`${word} out of place: ${text}`)
    const isOperator = /^([-+*/<>=,(]|[=!<>]=)$/.test(word)
    if (isOperator && word !== '(' && wantsOperand) throw new Error(`${word} out of place: ${text}`)
    wantsOperand = isOperator
    if (depth < 0) break
  }
  if (depth !== 0 || wantsOperand || selectors.length === 0)
    throw new Error(`not a whole expression: ${text}`)
  return { selectors, groupedBy }
}

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const from = token.lastIndex
    const found = token.exec(text)?.[0]
    if (found === undefined)
      throw new Error(`unreadable at ${text.slice(from, from + 20)}: ${text}`)
    if (found.trim() !== '') tokens.push(found)
  }
  return tokens
}
