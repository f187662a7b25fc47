import { isObject, type JsonObject } from '../json.ts'

/**
 * A citation as OpenAI's annotation of the text from `start` to `end`; null where it has no address: places in
 * documents have no form at OpenAI.
 */
export function annotationOf(citation: unknown, start: number, end: number): JsonObject | null {
  if (!isObject(citation)) return null
  const { location, source, title } = citation
  const web = isObject(location) && isObject(location['web']) ? location['web'] : {}
  const url = typeof web['url'] === 'string' ? web['url'] : source
  if (typeof url !== 'string' || !/^https?:\/\//i.test(url)) return null
  const name = [title, web['domain']].find((each) => typeof each === 'string' && each !== '')
  return {
    type: 'url_citation',
    url_citation: { url, title: name ?? url, start_index: start, end_index: end },
  }
}
