import type { Fields } from './ask-gateway.ts'
import { UsageError } from './usage-error.ts'

const actions = ['create', 'list', 'revoke'] as const

export const keyFlags = ['models', 'team', 'requests', 'tokens', 'budget', 'expires'] as const
type KeyFlag = (typeof keyFlags)[number]

export interface KeysAsk {
  readonly action: (typeof actions)[number]
  /** Of the new key, or of the one to revoke, which its id names as well; null for a list. */
  readonly name: string | null
  /** Of the new key, as the API takes them. */
  readonly fields: Fields
  /** Where the gateway is; null: where the configuration says. */
  readonly url: string | null
}

/** Reads what stands behind `keys` on the command line. Throws a UsageError; values are checked where the key is made. */
export function parseKeysAsk(
  words: readonly string[],
  flags: { readonly [name in KeyFlag | 'url']: string | undefined },
): KeysAsk {
  const [word, name, ...rest] = words
  const action = actions.find((each) => each === word)
  if (action === undefined) throw misuse(word)
  if (action === 'list' && name !== undefined) throw misuse(`list ${name}`)
  if (action !== 'list' && (name === undefined || rest.length > 0))
    throw new UsageError(`sluice keys ${action} needs one name. Put one with spaces in quotes.`, 2)
  const given = keyFlags.find((flag) => flags[flag] !== undefined)
  if (action !== 'create' && given)
    throw new UsageError(`--${given} belongs to sluice keys create alone.`, 2)
  return { action, name: name ?? null, fields: fieldsOf(flags), url: flags.url ?? null }
}

function misuse(words: string | undefined): UsageError {
  const uses = 'It is sluice keys create NAME, sluice keys list or sluice keys revoke NAME.'
  if (words === undefined) return new UsageError(uses, 2)
  return new UsageError(`There is no sluice keys ${words}. ${uses}`, 2)
}

function fieldsOf(flags: { readonly [name in KeyFlag]: string | undefined }): Fields {
  const { models, team, requests, tokens, budget, expires } = flags
  const limits = { ...(requests && { requests }), ...(tokens && { tokens }) }
  return {
    ...(models && { models: models.split(',').map((each) => each.trim()) }),
    ...(team && { team }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(budget && { budget: readBudget(budget) }),
    ...(expires && { expires_at: expires }),
  }
}

function readBudget(text: string): Fields {
  const [usd, per, ...rest] = text.split('/')
  if (usd && per && rest.length === 0) return { usd, per }
  throw new UsageError('--budget is dollars per time, such as 50/1d or 200/month.', 2)
}
