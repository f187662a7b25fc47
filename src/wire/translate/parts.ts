import type { ContentPart } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'

/** Bytes in the request itself, or a link to them. */
export type MediaSource =
  | { readonly kind: 'data'; readonly mediaType: string; readonly base64: string }
  | { readonly kind: 'url'; readonly url: string }
  /** A file that was handed to the provider before. */
  | { readonly kind: 'id'; readonly id: string }

/** A part of a message, read. `extra` are members beside its own, such as `cache_control`. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly extra: JsonObject }
  | {
      readonly kind: 'image' | 'audio' | 'video' | 'file'
      readonly source: MediaSource
      /** Of a file. */
      readonly filename?: string
      /** Of an image: `auto`, `low` or `high`. */
      readonly detail?: string
      readonly extra: JsonObject
    }
  | { readonly kind: 'refusal'; readonly text: string; readonly extra: JsonObject }
  /** Of a kind, or in a form, that nobody knows. */
  | { readonly kind: 'unknown'; readonly type: string; readonly part: JsonObject }

export type MediaPart = Extract<Part, { source: MediaSource }>

export function readPart(part: ContentPart): Part {
  if (part.type === 'text') return { kind: 'text', text: part.text, extra: part.extra }
  const wire = part.part
  const type = String(wire['type'] ?? '')
  const unknown: Part = { kind: 'unknown', type, part: wire }
  const extra = beside(wire, type)
  switch (type) {
    case 'image_url':
    case 'video_url': {
      const inner = wire[type]
      const url = isObject(inner) ? inner['url'] : inner
      if (typeof url !== 'string') return unknown
      const detail = isObject(inner) ? inner['detail'] : undefined
      const kind = type === 'image_url' ? 'image' : 'video'
      const fallback = kind === 'image' ? 'image/png' : 'video/mp4'
      return {
        kind,
        source: sourceOf(url, fallback),
        ...(typeof detail === 'string' && { detail }),
        extra,
      }
    }
    case 'input_audio': {
      const inner = wire['input_audio']
      if (!isObject(inner) || typeof inner['data'] !== 'string') return unknown
      const format = typeof inner['format'] === 'string' ? inner['format'] : 'wav'
      return { kind: 'audio', source: sourceOf(inner['data'], audioType(format), true), extra }
    }
    case 'file':
      return readFile(wire['file'], extra) ?? unknown
    case 'refusal':
      return typeof wire['refusal'] === 'string'
        ? { kind: 'refusal', text: wire['refusal'], extra }
        : unknown
    default:
      return unknown
  }
}

function readFile(file: unknown, extra: JsonObject): Part | null {
  if (!isObject(file)) return null
  const { file_id: id, file_data: data, filename: given } = file
  const filename = typeof given === 'string' && given !== '' ? { filename: given } : {}
  if (typeof data === 'string' && data !== '') {
    const type = typeOfName(filename.filename ?? '')
    return { kind: 'file', source: sourceOf(data, type, true), ...filename, extra }
  }
  if (typeof id !== 'string' || id === '') return null
  return { kind: 'file', source: { kind: 'id', id }, ...filename, extra }
}

const dataUrl = /^data:([^;,]*)((?:;[^;,]*)*),/i

/** `bare`: where it is neither a `data:` URL nor a link, it is base64 itself. */
function sourceOf(text: string, mediaType: string, bare = false): MediaSource {
  const found = dataUrl.exec(text)
  if (!found)
    return bare && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)
      ? { kind: 'data', mediaType, base64: text }
      : { kind: 'url', url: text }
  const given = (found[1] ?? '').toLowerCase()
  const rest = text.slice(found[0].length)
  const base64 = /;base64/i.test(found[2] ?? '')
    ? rest
    : Buffer.from(decodeURIComponent(rest)).toString('base64')
  return { kind: 'data', mediaType: given || mediaType, base64 }
}

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

/** By the ending of a file's name; PDF where that says nothing, since nearly all files are. */
function typeOfName(name: string): string {
  const ending = name.split('.').at(-1)?.toLowerCase() ?? ''
  return Object.hasOwn(fileTypes, ending) ? (fileTypes[ending] as string) : 'application/pdf'
}

function beside(wire: JsonObject, type: string): JsonObject {
  return Object.fromEntries(
    Object.entries(wire).filter(([name]) => name !== 'type' && name !== type),
  )
}
