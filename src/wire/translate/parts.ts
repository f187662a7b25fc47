import type { ContentPart } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'

/** Bytes in the request itself, or a link to them. */
export type MediaSource =
  | { readonly kind: 'data'; readonly mediaType: string; readonly base64: string }
  | { readonly kind: 'url'; readonly url: string }
  /** A file that was handed to the provider before. */
  | { readonly kind: 'id'; readonly id: string }

/** A part of a message, read. */
export type Part = Written &
  (
    | { readonly kind: 'text'; readonly text: string; readonly extra: JsonObject }
    | { readonly kind: 'refusal'; readonly text: string; readonly extra: JsonObject }
    | MediaContent
    /** Of a kind, or in a form, that nobody knows. */
    | { readonly kind: 'unknown'; readonly type: string; readonly part: JsonObject }
  )

export type MediaPart = Written & MediaContent

/** Where the caller wrote it, as they count: `messages[2].content[0]`. */
export interface Written {
  readonly at: string
}

/** `extra` are members beside its own, such as `cache_control`. */
interface MediaContent {
  readonly kind: 'image' | 'audio' | 'video' | 'file'
  readonly source: MediaSource
  /** Of a file. */
  readonly filename?: string
  /** Of an image: `auto`, `low` or `high`. */
  readonly detail?: string
  readonly extra: JsonObject
}

/** `at`: as of `Written`. */
export function readPart(part: ContentPart, at: string): Part {
  if (part.type === 'text') return { kind: 'text', text: part.text, extra: part.extra, at }
  const wire = part.part
  const type = String(wire['type'] ?? '')
  const unknown: Part = { kind: 'unknown', type, part: wire, at }
  const extra = beside(wire, type)
  switch (type) {
    case 'image_url':
    case 'video_url': {
      const inner = wire[type]
      const url = isObject(inner) ? inner['url'] : inner
      if (typeof url !== 'string') return unknown
      const detail = isObject(inner) ? inner['detail'] : undefined
      const kind = type === 'image_url' ? 'image' : 'video'
      const source = sourceOf(url, kind === 'image' ? 'image/png' : 'video/mp4')
      if (!source) return unknown
      return {
        kind,
        source,
        ...(typeof detail === 'string' && { detail }),
        extra,
        at,
      }
    }
    case 'input_audio': {
      const inner = wire['input_audio']
      if (!isObject(inner) || typeof inner['data'] !== 'string') return unknown
      const format = typeof inner['format'] === 'string' ? inner['format'] : 'wav'
      const source = sourceOf(inner['data'], audioType(format), true)
      return source ? { kind: 'audio', source, extra, at } : unknown
    }
    case 'file':
      return readFile(wire['file'], extra, at) ?? unknown
    case 'refusal':
      return typeof wire['refusal'] === 'string'
        ? { kind: 'refusal', text: wire['refusal'], extra, at }
        : unknown
    default:
      return unknown
  }
}

function readFile(file: unknown, extra: JsonObject, at: string): Part | null {
  if (!isObject(file)) return null
  const { file_id: id, file_data: data, filename: given } = file
  const filename = typeof given === 'string' && given !== '' ? { filename: given } : {}
  if (typeof data === 'string' && data !== '') {
    const type = typeOfName(filename.filename ?? '')
    const source = sourceOf(data, type, true)
    return source && { kind: 'file', source, ...filename, extra, at }
  }
  if (typeof id !== 'string' || id === '') return null
  return { kind: 'file', source: { kind: 'id', id }, ...filename, extra, at }
}

const dataUrl = /^data:([^;,]*)((?:;[^;,]*)*),/i

/** `bare`: where it is neither a `data:` URL nor a link, it is base64 itself. Null for a `data:` URL that is none. */
function sourceOf(text: string, mediaType: string, bare = false): MediaSource | null {
  const found = dataUrl.exec(text)
  if (!found)
    return bare && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)
      ? { kind: 'data', mediaType, base64: plainBase64(text) }
      : { kind: 'url', url: text }
  const given = (found[1] ?? '').toLowerCase()
  const rest = text.slice(found[0].length)
  const base64 = /;base64/i.test(found[2] ?? '') ? plainBase64(rest) : encoded(rest)
  if (base64 === null) return null
  const type = given || mediaType
  const isPicture = isImage(type) || isImage(mediaType)
  return { kind: 'data', mediaType: isPicture ? imageTypeOf(base64, type) : type, base64 }
}

const isImage = (mediaType: string): boolean => mediaType.startsWith('image/')

function encoded(text: string): string | null {
  try {
    return Buffer.from(decodeURIComponent(text)).toString('base64')
  } catch {
    return null
  }
}

/** Providers refuse line breaks and the alphabet of addresses, which OpenAI reads. */
const plainBase64 = (text: string): string =>
  /[\s_-]/.test(text) ? text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/') : text

/** Pictures are often called by a wrong name, which OpenAI overlooks and others refuse: their first bytes know. */
const imageStarts: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
]

const imageTypeOf = (base64: string, given: string): string =>
  imageStarts.find(([start]) => base64.startsWith(start))?.[1] ?? given

const audioTypes: Readonly<Record<string, string>> = { mp3: 'audio/mpeg', m4a: 'audio/mp4' }
const audioType = (format: string): string =>
  Object.hasOwn(audioTypes, format) ? (audioTypes[format] as string) : `audio/${format}`

const fileTypes: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  csv: 'text/csv',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  html: 'text/html',
  htm: 'text/html',
  md: 'text/markdown',
  txt: 'text/plain',
  json: 'application/json',
  xml: 'text/xml',
  rtf: 'text/rtf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  mp4: 'video/mp4',
}

/** By the ending of a file's name or of a link's path; null where that says nothing. */
export function mediaTypeOfName(name: string): string | null {
  const ending = name.split('.').at(-1)?.toLowerCase() ?? ''
  return Object.hasOwn(fileTypes, ending) ? (fileTypes[ending] as string) : null
}

/** PDF where the name says nothing, since nearly all files are. */
const typeOfName = (name: string): string => mediaTypeOfName(name) ?? 'application/pdf'

/** What to call it where it is refused or left out: `messages[2].content[0].image_url`. */
export function paramOf(part: Part): string {
  const member = part.kind === 'unknown' ? part.type : members[part.kind]
  return /^\w+$/.test(member) ? `${part.at}.${member}` : part.at
}

const members: Readonly<Record<Exclude<Part['kind'], 'unknown'>, string>> = {
  text: 'text',
  refusal: 'refusal',
  image: 'image_url',
  audio: 'input_audio',
  video: 'video_url',
  file: 'file',
}

function beside(wire: JsonObject, type: string): JsonObject {
  return Object.fromEntries(
    Object.entries(wire).filter(([name]) => name !== 'type' && name !== type),
  )
}
