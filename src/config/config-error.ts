export interface ConfigProblem {
  /** As shown; null for a flag or an environment variable. */
  readonly file: string | null
  /** From 1. */
  readonly line: number | null
  readonly column: number | null
  readonly message: string
  /** The source line with secrets masked, and how far in the caret stands. */
  readonly excerpt: { readonly line: string; readonly caretAt: number } | null
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(renderPlace).join('\n'))
    this.problems = problems
  }
}

/** The text for people: each problem with its place, its source line and a caret. */
export function renderConfigError(error: ConfigError): string {
  return error.problems.map(renderProblem).join('\n')
}

function renderProblem(problem: ConfigProblem): string {
  const place = renderPlace(problem)
  if (!problem.excerpt) return place
  const { line, caretAt } = problem.excerpt
  return `${place}\n  ${line}\n  ${' '.repeat(caretAt)}^`
}

function renderPlace({ file, line, column, message }: ConfigProblem): string {
  if (file === null) return message
  return line === null ? `${file}  ${message}` : `${file}:${line}:${column ?? 1}  ${message}`
}
