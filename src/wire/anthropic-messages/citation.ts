import { isObject, type JsonObject, listOf } from '../json.ts'

/**
 * Sources of a text as OpenAI's annotations. They hold for the whole block: `start` and `end` are its place in the
 * content. Sources without an address, such as pages of a document that was sent along, have no such form.
 */
export function readCitations(
  citations: unknown,
  start: number,
  end: number,
): readonly JsonObject[] {
  return listOf(citations)
    .filter(isObject)
    .flatMap((citation) => {
      const url = citation['url'] ?? citation['source']
      if (typeof url !== 'string' || !/^https?:\/\//i.test(url)) return []
      const title = typeof citation['title'] === 'string' ? citation['title'] : ''
      const place = { start_index: start, end_index: end, url, title }
      return [{ type: 'url_citation', url_citation: place }]
    })
}
