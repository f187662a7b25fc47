import type { EncodeOptions } from '../../core/dialect.ts'
import type { JsonObject } from '../json.ts'
import type { Omissions } from '../translate/omissions.ts'
import { type MediaPart, mediaTypeOfName, type Part, paramOf } from '../translate/parts.ts'
import { camelCase } from './camel-keys.ts'

const uploadedFiles = 'https://generativelanguage.googleapis.com/v1beta/'
/** Where neither the link nor a name says what it is. */
const likelyTypes: Readonly<Record<MediaPart['kind'], string>> = {
  image: 'image/jpeg',
  audio: 'audio/mpeg',
  video: 'video/mp4',
  file: 'application/pdf',
}
/** Members of a part that only Gemini knows. */
const ownMembers = new Set([
  'video_metadata',
  'media_resolution',
  'videoMetadata',
  'mediaResolution',
])

/** Null for what says nothing, and for what was left out. */
export function encodePart(
  part: Part,
  { images }: Pick<EncodeOptions, 'images'>,
  omissions: Omissions,
): JsonObject | null {
  if (part.kind === 'unknown') {
    omissions.refuse(
      paramOf(part),
      `Parts are text, image_url, input_audio, video_url and file; this one is "${part.type}".`,
    )
    return null
  }
  const own = readOwnMembers(part, omissions)
  if (part.kind === 'text' || part.kind === 'refusal')
    // An empty text part is an error there.
    return part.text === '' ? null : { text: part.text, ...own }
  if (part.detail !== undefined && part.detail !== 'auto') omissions.drop(`${paramOf(part)}.detail`)
  // The name goes along only where it says what kind of a file it is.
  if (part.filename !== undefined) omissions.drop(`${paramOf(part)}.filename`)
  return { ...encodeSource(part, images), ...own }
}

function encodeSource(part: MediaPart, images: EncodeOptions['images']): JsonObject {
  const { source, kind } = part
  if (source.kind === 'data')
    return { inlineData: { mimeType: source.mediaType, data: source.base64 } }
  if (source.kind === 'id') {
    const fileUri = source.id.startsWith('files/') ? uploadedFiles + source.id : source.id
    const mimeType = mediaTypeOfName(part.filename ?? source.id)
    return { fileData: { ...(mimeType && { mimeType }), fileUri } }
  }
  const fetched = images.get(source.url)
  if (fetched) return { inlineData: { mimeType: fetched.mediaType, data: fetched.base64 } }
  const path = source.url.split(/[?#]/, 1)[0] ?? ''
  const mimeType = mediaTypeOfName(part.filename ?? path) ?? likelyTypes[kind]
  return { fileData: { mimeType, fileUri: source.url } }
}

function readOwnMembers(
  { extra, at }: Exclude<Part, { kind: 'unknown' }>,
  omissions: Omissions,
): JsonObject {
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(extra))
    if (ownMembers.has(name)) own[camelCase(name)] = value
    else if (value != null) omissions.drop(`${at}.${name}`)
  return own
}
