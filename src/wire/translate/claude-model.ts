/** What a model takes that others of its maker refuse. Read off its name, which says the generation. */
export interface ClaudeModel {
  /** How it is told to think: not at all, by a budget of tokens, or by an effort. */
  readonly thinking: 'none' | 'budget' | 'adaptive'
  /** Whether it thinks where nothing is said about it, and whether it can be told not to. */
  readonly thinksUnasked: 'no' | 'yes' | 'always'
  readonly efforts: readonly string[]
  /** `one`: temperature or top_p, not both. `fixed`: it takes neither. */
  readonly sampling: 'free' | 'one' | 'fixed'
  readonly canForceTools: boolean
  /** Whether the form of the answer can be said by a schema. */
  readonly hasOutputFormat: boolean
  /** A limit that every model of the generation takes, for requests without one. */
  readonly defaultMaxTokens: number
}

// Older names have the generation in front, newer ones behind; dates and the marks of clouds follow either.
const older = /claude-(\d)(?:[-.](\d{1,2})(?!\d))?-(opus|sonnet|haiku)/
const newer = /claude-([a-z]+)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/

interface Generation {
  readonly family: string
  /** 405 for 4.5; null where the name says nothing. */
  readonly version: number | null
}

function generationOf(model: string): Generation {
  const name = model.toLowerCase()
  const old = older.exec(name)
  if (old) return { family: old[3] ?? '', version: versionOf(old[1], old[2]) }
  const found = newer.exec(name)
  if (found) return { family: found[1] ?? '', version: versionOf(found[2], found[3]) }
  if (name.includes('claude-mythos')) return { family: 'mythos', version: 406 }
  return { family: '', version: null }
}

const versionOf = (major = '0', minor = '0'): number => Number(major) * 100 + Number(minor)

/** A model of a name that says nothing gets what the most servers of this format take. */
export function readClaudeModel(model: string): ClaudeModel {
  const { family, version } = generationOf(model)
  if (version === null)
    return {
      thinking: 'budget',
      thinksUnasked: 'no',
      efforts: [],
      sampling: 'free',
      canForceTools: true,
      hasOutputFormat: false,
      defaultMaxTokens: 4096,
    }
  const largest = family === 'fable' || family === 'mythos'
  const always = version >= 500 && (largest || (version >= 505 && family !== 'haiku'))
  return {
    thinking: version < 307 ? 'none' : version < 406 ? 'budget' : 'adaptive',
    thinksUnasked: always ? 'always' : version >= 500 ? 'yes' : 'no',
    efforts: version >= 407 ? allEfforts : version === 406 ? firstEfforts : [],
    sampling: version >= 407 ? 'fixed' : version >= 401 ? 'one' : 'free',
    canForceTools: !(largest ? version >= 501 : family === 'opus' && version >= 505),
    hasOutputFormat: version >= 405,
    defaultMaxTokens: maxTokensOf(version),
  }
}

const firstEfforts = ['low', 'medium', 'high', 'max']
const allEfforts = ['low', 'medium', 'high', 'xhigh', 'max']

function maxTokensOf(version: number): number {
  if (version >= 500) return 128_000
  if (version >= 405) return 64_000
  if (version >= 307) return 32_000
  return version >= 305 ? 8192 : 4096
}
