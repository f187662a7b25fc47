import type { ConfigDocument } from './document.ts'
import { holdsSecret, nodeAt } from './schema-node.ts'

const maxWidth = 120
// In text that did not parse nothing says what is a secret, so what looks like one is hidden.
const likelySecret =
  /((?:value|password|secret\w*|token|key\w*|url)["']?\s*:\s*)[^\s,}]+|[A-Za-z0-9_+/=.~-]{14,}/gi
const urlLogin = /:\/\/[^/\s]*@/
const onlyReferences = /^["']?(?:\$\{(?:file:[^}]*|[A-Za-z0-9_]+)\}\s*)+["']?$/

/** The source line at an offset with every secret masked, and how far in the offset stands. */
export function excerptAt(
  document: ConfigDocument,
  at: number,
): { line: string; caretAt: number } | null {
  const { text } = document
  const start = text.lastIndexOf('\n', at - 1) + 1
  const newline = text.indexOf('\n', start)
  const end = newline < 0 ? text.length : newline
  let line = ''
  let caretAt = at - start
  let from = start
  for (const [hideFrom, hideTo] of secretRanges(document, start, end)) {
    if (hideFrom < from) continue
    line += `${text.slice(from, hideFrom)}***`
    // What is hidden has another length than what stands for it, and the caret must follow.
    if (at >= hideTo) caretAt += 3 - (hideTo - hideFrom)
    else if (at > hideFrom) caretAt -= at - hideFrom
    from = hideTo
  }
  line = (line + text.slice(from, end)).replace(/[\t\r]/g, ' ')
  if (line.trim() === '') return null
  const skip = line.length > maxWidth ? Math.max(0, caretAt - maxWidth / 2) : 0
  return { line: line.slice(skip, skip + maxWidth).trimEnd(), caretAt: caretAt - skip }
}

/** What to hide between two offsets, in order. */
function secretRanges(document: ConfigDocument, start: number, end: number): [number, number][] {
  if (document.misformed) {
    const line = document.text.slice(start, end)
    return [...line.matchAll(likelySecret)].map((found) => {
      const hideFrom = start + found.index + (found[1]?.length ?? 0)
      return [hideFrom, start + found.index + found[0].length]
    })
  }
  return document.entries
    .filter(({ path, range, isText }) => {
      if (!isText || range[1] <= start || range[0] >= end) return false
      // A secret under a misspelled name is still a secret, so unknown settings are hidden too.
      const node = nodeAt(path)
      const written = document.text.slice(...range)
      const isSecret = node === undefined || holdsSecret(node) || urlLogin.test(written)
      return isSecret && !onlyReferences.test(written)
    })
    .map(({ range }): [number, number] => [Math.max(range[0], start), Math.min(range[1], end)])
    .sort((a, b) => a[0] - b[0])
}
