/** Takes secrets out of a text that is to be kept. */
export type Redactor = (text: string) => string

/** What secrets of others look like. Long enough words only, so that ordinary text is left as it is. */
const shapes = [
  /\bsk-[A-Za-z0-9_-]{16,}/,
  /\b(?:gsk|hf|r8|pplx|xai|nvapi|ghp|gho|ghs|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{16,}/,
  /\bAIza[A-Za-z0-9_-]{30,}/,
  /\bya29\.[A-Za-z0-9_-]{20,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9+/_.~-]{16,}={0,2}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/,
  /(?<=[?&](?:key|api_key|apikey|token|access_token|sig|signature)=)[^&\s"'\\]{8,}/,
]
/** A shorter one is a word that may stand in any text. */
const shortest = 8

const redacted = '[redacted]'

/** `secrets`: values that are never to be kept, whatever they look like. */
export function createRedactor(secrets: readonly string[] = []): Redactor {
  const own = secrets
    .filter((secret) => secret.length >= shortest)
    // In a body they stand as JSON writes them.
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
  const literal = [...new Set(own)]
    // Of two that begin alike the longer is found whole.
    .toSorted((a, b) => b.length - a.length)
    .map((secret) => secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp([...literal, ...shapes.map(({ source }) => source)].join('|'), 'g')
  const known = new Map<string, string>()
  return (text) => {
    if (text.length > rememberedLength) return text.replace(pattern, redacted)
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= rememberedTexts) known.clear()
    const clean = text.replace(pattern, redacted)
    known.set(text, clean)
    return clean
  }
}

/** What clients say of themselves is the same with every call. */
const rememberedLength = 256
const rememberedTexts = 1000
