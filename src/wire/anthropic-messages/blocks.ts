import type { FetchedImages } from '../../core/dialect.ts'
import type { JsonObject } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { type MediaPart, type MediaSource, type Part, paramOf } from '../translate/parts.ts'

export interface BlockWriting {
  readonly omissions: Omissions
  readonly images: FetchedImages
  /** Whether the provider fetches what only a link is given of. */
  readonly takesLinks: boolean
  /** Set once a block names a file that was handed in before: that needs a header. */
  namesFiles: boolean
}

/** Blocks of the provider's own that stand in a request as parts, and pass as they are. */
const ownBlocks = new Set([
  'document',
  'image',
  'search_result',
  'container_upload',
  'thinking',
  'redacted_thinking',
])

/** What parts become: at most one block each. Blank text is none, since the provider refuses it. */
export function sayParts(parts: readonly Part[], writing: BlockWriting): JsonObject[] {
  const blocks: JsonObject[] = []
  for (const part of parts) {
    const block = sayPart(part, writing)
    if (block) blocks.push(block)
  }
  return blocks
}

function sayPart(part: Part, writing: BlockWriting): JsonObject | null {
  const { omissions } = writing
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return isBlank(part.text)
        ? null
        : { type: 'text', text: part.text, ...beside(part.extra, marks, part.at, omissions) }
    case 'image':
      return sayImage(part, writing)
    case 'file':
      return sayFile(part, writing)
    case 'unknown':
      if (ownBlocks.has(part.type)) return part.part
      omissions.refuse(paramOf(part), 'Its parts are text, images and files.')
      return null
    case 'audio':
    case 'video':
      omissions.refuse(
        paramOf(part),
        'Its parts are text, images and files: send the words instead.',
      )
      return null
  }
}

// The first character decides nearly always: text may be megabytes long.
const isBlank = (text: string): boolean => !/\S/.test(text)

const marks = new Set(['cache_control', 'citations'])
const documentMarks = new Set(['cache_control', 'citations', 'title', 'context'])

/** The members that are known and not null; others are reported as `place.name`. */
export function beside(
  extra: JsonObject,
  known: ReadonlySet<string>,
  place: string,
  omissions: Omissions,
): JsonObject {
  const said: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(extra)) {
    if (value === null || value === undefined) continue
    if (known.has(name)) said[name] = value
    else omissions.drop(`${place}.${name}`)
  }
  return said
}

const imageTypes = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

function sayImage(part: MediaPart, writing: BlockWriting): JsonObject | null {
  const { omissions } = writing
  if (part.detail && part.detail !== 'auto') omissions.drop(`${paramOf(part)}.detail`)
  const source = sayImageSource(part.source, paramOf(part), writing)
  return source && { type: 'image', source, ...beside(part.extra, marks, part.at, omissions) }
}

function sayImageSource(
  source: MediaSource,
  param: string,
  writing: BlockWriting,
): JsonObject | null {
  switch (source.kind) {
    case 'id':
      return fileSource(source.id, writing)
    case 'data': {
      const type = source.mediaType === 'image/jpg' ? 'image/jpeg' : source.mediaType
      if (imageTypes.has(type)) return { type: 'base64', media_type: type, data: source.base64 }
      writing.omissions.refuse(param, 'Its images are JPEG, PNG, GIF and WebP.')
      return null
    }
    case 'url': {
      const fetched = writing.images.get(source.url)
      if (fetched) return sayImageSource({ kind: 'data', ...fetched }, param, writing)
      if (writing.takesLinks) return { type: 'url', url: source.url }
      writing.omissions.refuse(param, 'It takes no links: send the image as a data URL.')
      return null
    }
  }
}

function fileSource(id: string, writing: BlockWriting): JsonObject {
  writing.namesFiles = true
  return { type: 'file', file_id: id }
}

function sayFile(part: MediaPart, writing: BlockWriting): JsonObject | null {
  const { source, filename, extra } = part
  const isImage =
    source.kind === 'data'
      ? source.mediaType.startsWith('image/')
      : /\.(jpe?g|png|gif|webp)$/i.test(filename ?? '')
  if (isImage) return sayImage(part, writing)
  const said = sayDocumentSource(source, paramOf(part), writing)
  return (
    said && {
      type: 'document',
      source: said,
      ...(filename !== undefined && { title: filename.slice(0, 500) }),
      ...beside(extra, documentMarks, part.at, writing.omissions),
    }
  )
}

function sayDocumentSource(
  source: MediaSource,
  param: string,
  writing: BlockWriting,
): JsonObject | null {
  if (source.kind === 'id') return fileSource(source.id, writing)
  if (source.kind === 'url') {
    if (writing.takesLinks) return { type: 'url', url: source.url }
    writing.omissions.refuse(param, 'It takes no links: send the file itself.')
    return null
  }
  const { mediaType, base64 } = source
  if (mediaType === 'application/pdf')
    return { type: 'base64', media_type: mediaType, data: base64 }
  if (isText(mediaType)) {
    const text = Buffer.from(base64, 'base64').toString('utf8')
    return { type: 'text', media_type: 'text/plain', data: text }
  }
  writing.omissions.refuse(param, 'Its documents are PDF and text: convert the file.')
  return null
}

const isText = (mediaType: string): boolean =>
  mediaType.startsWith('text/') || /^application\/([\w.-]+\+)?(json|xml|yaml)$/.test(mediaType)

/** Where a single text says it all, that text; else the list. */
export function brief(blocks: readonly JsonObject[]): string | readonly JsonObject[] {
  const [first] = blocks
  const isPlain =
    blocks.length === 1 && first?.['type'] === 'text' && Object.keys(first).length === 2
  return isPlain ? String(first['text']) : blocks
}
