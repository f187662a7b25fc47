import { isObject, type JsonObject, listOf } from '../wire/json.ts'
import type { ChoiceStep } from './corrections.ts'

/** Each choice comes in both forms, so that a client of either finds it: only the one that belongs there stays. */
export const oneForm: ChoiceStep = (choice, where) => {
  const other = where === 'delta' ? 'message' : 'delta'
  if (!(other in choice) || !isObject(choice[where])) return null
  return Object.fromEntries(Object.entries(choice).filter(([name]) => name !== other))
}

/**
 * Its sources as OpenAI's annotations, in a reply and in the chunk that ends a stream, where the whole text stands
 * beside the last piece. Its own lists stay where they are.
 */
export const citeSources: ChoiceStep = (choice, where, wire) => {
  const message = choice[where]
  if (!choice['finish_reason'] || !isObject(message)) return null
  const sources = sourcesOf(wire)
  if (sources.length === 0) return null
  const whole = isObject(choice['message']) ? choice['message'] : message
  const text = typeof whole['content'] === 'string' ? whole['content'] : ''
  return { ...choice, [where]: { ...message, annotations: annotationsOf(text, sources) } }
}

interface Source {
  readonly url: string
  readonly title: string
}

function sourcesOf(wire: JsonObject): readonly Source[] {
  const titles = new Map(
    listOf(wire['search_results'])
      .filter(isObject)
      .map(({ url, title }) => [url, typeof title === 'string' ? title : '']),
  )
  const urls = listOf(wire['citations']).filter((each) => typeof each === 'string')
  const all = urls.length > 0 ? urls : [...titles.keys()].filter((each) => typeof each === 'string')
  return all.map((url) => ({ url, title: titles.get(url) ?? '' }))
}

/** The text points to sources by their number, `[2]`; one it never points to stands at its beginning. */
function annotationsOf(text: string, sources: readonly Source[]): readonly JsonObject[] {
  const found = sources.map((): { readonly start: number; readonly end: number }[] => [])
  for (const mark of text.matchAll(/\[(\d{1,3})\]/g))
    found[Number(mark[1]) - 1]?.push({ start: mark.index, end: mark.index + mark[0].length })
  return sources.flatMap((source, at) => {
    const places = found[at]?.length ? found[at] : [{ start: 0, end: 0 }]
    return places.map(({ start, end }) => ({
      type: 'url_citation',
      url_citation: { start_index: start, end_index: end, ...source },
    }))
  })
}
