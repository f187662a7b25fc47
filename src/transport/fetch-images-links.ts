import type { ChatRequest } from '../core/chat.ts'
import { readPart } from '../wire/translate/parts.ts'
import type { ImageLink } from './fetch-images.ts'

/** The pictures and files of a request that only a link of the web is given of, in order. Buckets are the provider's to read. */
export function imageLinksOf({ messages }: Pick<ChatRequest, 'messages'>): readonly ImageLink[] {
  return messages.flatMap(({ content }, i) => {
    if (content === null || typeof content === 'string') return []
    return content.flatMap((each, j) => {
      const at = `messages[${i}].content[${j}]`
      const part = readPart(each, at)
      if (part.kind !== 'image' && part.kind !== 'file') return []
      if (part.source.kind !== 'url' || !/^https?:/i.test(part.source.url)) return []
      const inner = part.kind === 'image' ? 'image_url.url' : 'file.file_data'
      return [{ url: part.source.url, param: `${at}.${inner}` }]
    })
  })
}
