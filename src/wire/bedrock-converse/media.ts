import type { FetchedImages } from '../../core/dialect.ts'
import type { JsonObject } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { type MediaPart, paramOf } from '../translate/parts.ts'

type Kind = 'image' | 'document' | 'video' | 'audio'

/** What Bedrock calls each format, by the ending of a file's name. */
const formats: Readonly<Record<string, readonly [Kind, string]>> = {
  png: ['image', 'png'],
  jpg: ['image', 'jpeg'],
  jpeg: ['image', 'jpeg'],
  gif: ['image', 'gif'],
  webp: ['image', 'webp'],
  pdf: ['document', 'pdf'],
  csv: ['document', 'csv'],
  doc: ['document', 'doc'],
  docx: ['document', 'docx'],
  xls: ['document', 'xls'],
  xlsx: ['document', 'xlsx'],
  html: ['document', 'html'],
  htm: ['document', 'html'],
  txt: ['document', 'txt'],
  json: ['document', 'txt'],
  xml: ['document', 'txt'],
  md: ['document', 'md'],
  mp4: ['video', 'mp4'],
  mov: ['video', 'mov'],
  mkv: ['video', 'mkv'],
  webm: ['video', 'webm'],
  flv: ['video', 'flv'],
  mpeg: ['video', 'mpeg'],
  mpg: ['video', 'mpg'],
  wmv: ['video', 'wmv'],
  '3gp': ['video', 'three_gp'],
  mp3: ['audio', 'mp3'],
  wav: ['audio', 'wav'],
  aac: ['audio', 'aac'],
  flac: ['audio', 'flac'],
  ogg: ['audio', 'ogg'],
  opus: ['audio', 'opus'],
  m4a: ['audio', 'm4a'],
  pcm: ['audio', 'pcm'],
}

/** Media types whose second half is no ending. */
const endings: Readonly<Record<string, string>> = {
  'text/plain': 'txt',
  'text/markdown': 'md',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'video/quicktime': 'mov',
  'video/x-matroska': 'mkv',
  'video/x-flv': 'flv',
  'video/x-ms-wmv': 'wmv',
  'video/3gpp': '3gp',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/x-m4a': 'm4a',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/x-aac': 'aac',
  'audio/x-flac': 'flac',
  'audio/pcm16': 'pcm',
}

export interface MediaContext {
  readonly images: FetchedImages
  readonly omissions: Omissions
  /** Of documents so far: no two may be the same. */
  readonly names: Set<string>
}

/** A picture, document, film or recording as a content block; null where it was left out and reported. */
export function mediaBlock(part: MediaPart, context: MediaContext): JsonObject | null {
  const { omissions } = context
  const param = paramOf(part)
  const found = readSource(part, context)
  if (typeof found === 'string') {
    omissions.refuse(param, found)
    return null
  }
  const format = formatOf(found.mediaType, found.name)
  if (!format) {
    const what = found.mediaType || 'of an unknown type'
    omissions.refuse(
      param,
      `This one is ${what}: send a PNG, JPEG, GIF or WebP picture, a PDF, text or Office file.`,
    )
    return null
  }
  const [kind, name] = format
  if (part.detail === 'low' || part.detail === 'high') omissions.drop(`${param}.detail`)
  if (kind !== 'document') return { [kind]: { format: name, source: found.source } }
  const { citations, context: about } = part.extra
  return {
    document: {
      format: name,
      name: documentName(part.filename ?? '', context.names),
      source: found.source,
      ...(about !== undefined && { context: about }),
      ...(citations !== undefined && { citations }),
    },
  }
}

/** Members of a document's part that have a place in the block. */
export const documentMembers: ReadonlySet<string> = new Set(['citations', 'context'])

interface Found {
  readonly source: JsonObject
  readonly mediaType: string
  /** For its ending. */
  readonly name: string
}

/** The bytes, or why there are none. */
function readSource(part: MediaPart, { images }: MediaContext): Found | string {
  const { source } = part
  if (source.kind === 'id')
    return 'It keeps no files: send the bytes as "file_data", or an s3:// address.'
  if (source.kind === 'data')
    return {
      source: { bytes: source.base64 },
      mediaType: source.mediaType,
      name: part.filename ?? '',
    }
  if (/^s3:\/\//i.test(source.url))
    return { source: { s3Location: { uri: source.url } }, mediaType: '', name: source.url }
  const fetched = images.get(source.url)
  if (fetched)
    return { source: { bytes: fetched.base64 }, mediaType: fetched.mediaType, name: source.url }
  return part.kind === 'image'
    ? 'It takes bytes and no links: send a data: URL, or set "fetch_images" so that the gateway fetches links.'
    : 'It takes bytes and no links: send a data: URL, or an s3:// address.'
}

function formatOf(mediaType: string, name: string): readonly [Kind, string] | null {
  const type = mediaType.toLowerCase().split(';', 1)[0] ?? ''
  const ending = Object.hasOwn(endings, type) ? endings[type] : type.split('/').at(-1)
  const byType = at(ending ?? '')
  // The same ending serves films and recordings.
  if (byType?.[0] === 'video' && type.startsWith('audio/')) return ['audio', byType[1]]
  if (byType) return byType
  if (type.startsWith('text/')) return ['document', 'txt']
  return at(name.split('.').at(-1)?.toLowerCase() ?? '')
}

const at = (ending: string): readonly [Kind, string] | null =>
  Object.hasOwn(formats, ending) ? (formats[ending] as readonly [Kind, string]) : null

/**
 * Letters, digits, hyphens, parentheses, square brackets and single blanks are allowed: the model reads the name, so
 * that anything else might be taken for an instruction.
 */
function documentName(filename: string, taken: Set<string>): string {
  const base = filename
    .replace(/\.[^.]*$/, '')
    .replace(/[^\p{L}\p{N}\s()[\]-]+/gu, '-')
    .replace(/\s+/g, ' ')
    .slice(0, 180)
    .trim()
  let name = base || 'document'
  for (let count = 2; taken.has(name); count++) name = `${base || 'document'} (${count})`
  taken.add(name)
  return name
}
