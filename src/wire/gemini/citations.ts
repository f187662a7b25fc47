import { countOf, isObject, type JsonObject, listOf } from '../json.ts'

interface Source {
  readonly url: string
  readonly title: string
}

/**
 * The sources of an answer as OpenAI's `annotations`. `grounding` is a candidate's `groundingMetadata`, `citation` its
 * `citationMetadata`; sources without an address are left out.
 */
export function decodeCitations(
  grounding: unknown,
  citation: unknown,
  text: string,
): readonly JsonObject[] {
  return [...fromGrounding(grounding, text), ...fromCitations(citation, text)]
}

function fromGrounding(wire: unknown, text: string): readonly JsonObject[] {
  if (!isObject(wire)) return []
  const sources = listOf(wire['groundingChunks']).map(readSource)
  const supports = listOf(wire['groundingSupports']).filter(isObject)
  // Nothing says which part of the answer they are for.
  if (supports.length === 0)
    return sources.flatMap((source) => (source ? [annotation(source, 0, text.length)] : []))
  const place = createPlacer(text)
  return supports.flatMap((support) => {
    const segment = isObject(support['segment']) ? support['segment'] : {}
    const [start, end] = place(segment)
    return listOf(support['groundingChunkIndices']).flatMap((index) => {
      const source = typeof index === 'number' ? sources[index] : null
      return source ? [annotation(source, start, end)] : []
    })
  })
}

function fromCitations(wire: unknown, text: string): readonly JsonObject[] {
  if (!isObject(wire)) return []
  const place = createPlacer(text)
  return listOf(wire['citations'] ?? wire['citationSources'])
    .filter(isObject)
    .flatMap((each) => {
      const { uri, title } = each
      if (typeof uri !== 'string' || uri === '') return []
      return [annotation({ url: uri, title: String(title ?? '') }, ...place(each))]
    })
}

function readSource(chunk: unknown): Source | null {
  if (!isObject(chunk)) return null
  for (const name of ['web', 'maps', 'retrievedContext', 'image']) {
    const inner = chunk[name]
    if (!isObject(inner)) continue
    const url = inner['uri'] ?? inner['sourceUri']
    if (typeof url === 'string' && url !== '') return { url, title: String(inner['title'] ?? '') }
  }
  return null
}

const annotation = ({ url, title }: Source, start: number, end: number): JsonObject => ({
  type: 'url_citation',
  url_citation: { url, title, start_index: start, end_index: end },
})

/**
 * Where a segment stands in the text, in characters. Gemini counts bytes, and from the start of a part; where its own
 * quotation says something else, the quotation is right.
 */
function createPlacer(text: string): (segment: JsonObject) => readonly [number, number] {
  const bytes = Buffer.from(text)
  const isAscii = bytes.length === text.length
  const charAt = (offset: number): number =>
    isAscii ? Math.min(offset, text.length) : bytes.toString('utf8', 0, offset).length
  return (segment) => {
    const start = charAt(countOf(segment['startIndex']) ?? 0)
    const end = charAt(countOf(segment['endIndex']) ?? bytes.length)
    const quoted = segment['text']
    if (typeof quoted !== 'string' || quoted === '' || text.startsWith(quoted, start))
      return [start, Math.max(start, end)]
    const found = text.indexOf(quoted)
    return found < 0 ? [start, Math.max(start, end)] : [found, found + quoted.length]
  }
}
