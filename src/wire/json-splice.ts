import type { JsonField, JsonFields } from './json-scan.ts'

/** What becomes of a member: other JSON text as its value, another name, or nothing at all. */
export type JsonEdit =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly rename: string }
  | { readonly name: string; readonly remove: true }

interface Cut {
  readonly from: number
  readonly to: number
  readonly text: string
}

/**
 * The same JSON object with some members changed; every other byte stays as it was, in its place. A value for a
 * member that does not exist is added at the end; renaming or removing what is not there does nothing.
 */
export function spliceJson(bytes: Buffer, fields: JsonFields, edits: readonly JsonEdit[]): Buffer {
  const cuts: Cut[] = []
  const removed = new Set<string>()
  let added = ''
  for (const edit of edits) {
    const field = fields.get(edit.name)
    if ('remove' in edit) {
      if (field) removed.add(edit.name)
    } else if ('rename' in edit) {
      if (field)
        cuts.push({ from: field.keyStart, to: field.keyEnd, text: JSON.stringify(edit.rename) })
    } else if (field) cuts.push({ from: field.start, to: field.end, text: edit.value })
    else added += `,${JSON.stringify(edit.name)}:${edit.value}`
  }
  if (removed.size > 0 || added) cutMembers(bytes, fields, removed, added, cuts)
  return apply(bytes, cuts)
}

/** Commas are the difficulty: a member goes with the comma behind it, the last ones with the comma before them. */
function cutMembers(
  bytes: Buffer,
  fields: JsonFields,
  removed: ReadonlySet<string>,
  added: string,
  cuts: Cut[],
): void {
  const members = [...fields.values()].sort((a, b) => a.keyStart - b.keyStart)
  const lastKept = members.findLastIndex((field) => !removed.has(field.name))
  for (let i = 0; i < lastKept; i++) {
    const field = members[i] as JsonField
    if (removed.has(field.name))
      cuts.push({ from: field.keyStart, to: (members[i + 1] as JsonField).keyStart, text: '' })
  }
  const kept = members[lastKept]
  const last = members.at(-1)
  if (kept && last) cuts.push({ from: kept.end, to: last.end, text: added })
  else {
    const from = members[0]?.keyStart ?? bytes.indexOf(123) + 1
    cuts.push({ from, to: last?.end ?? from, text: added.slice(1) })
  }
}

function apply(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  const ordered = cuts.filter((cut) => cut.to > cut.from || cut.text)
  if (ordered.length === 0) return bytes
  ordered.sort((a, b) => a.from - b.from || a.to - b.to)
  let size = bytes.length
  for (const cut of ordered) size += Buffer.byteLength(cut.text) - (cut.to - cut.from)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  let read = 0
  for (const cut of ordered) {
    at += bytes.copy(out, at, read, cut.from)
    at += out.write(cut.text, at)
    read = cut.to
  }
  bytes.copy(out, at, read)
  return out
}
