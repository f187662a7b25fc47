import { countOf, isObject, type JsonObject, listOf } from '../json.ts'

/**
 * Cohere's citations as they came, and as OpenAI's annotations where a source has an address. `offsetOf` tells where
 * the content block of that number begins in the whole text.
 */
export function citationMembers(
  citations: readonly JsonObject[],
  offsetOf: (block: number) => number,
): JsonObject {
  if (citations.length === 0) return {}
  const annotations = citations.flatMap((citation) => annotationsOf(citation, offsetOf))
  return { citations, ...(annotations.length > 0 && { annotations }) }
}

function annotationsOf(
  { start, end, type, sources, content_index: block }: JsonObject,
  offsetOf: (block: number) => number,
): readonly JsonObject[] {
  // Thoughts and plans are cited as well, and are no part of the content.
  if (typeof type === 'string' && type !== 'TEXT_CONTENT') return []
  const offset = offsetOf(countOf(block) ?? 0)
  return listOf(sources)
    .filter(isObject)
    .flatMap((source) => {
      const about = [source['document'], source['tool_output']].find(isObject) ?? {}
      const url = [about['url'], about['id'], source['id']].find(isAddress)
      if (url === undefined) return []
      const title = typeof about['title'] === 'string' ? about['title'] : ''
      const start_index = offset + (countOf(start) ?? 0)
      const end_index = offset + (countOf(end) ?? 0)
      return [{ type: 'url_citation', url_citation: { start_index, end_index, url, title } }]
    })
}

const isAddress = (value: unknown): value is string =>
  typeof value === 'string' && /^https?:\/\//i.test(value)
