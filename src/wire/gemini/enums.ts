import { listOf } from '../json.ts'

// Enums are words, or numbers where a proxy in front was asked for numbers.
const finishNames: readonly string[] = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MALFORMED_FUNCTION_CALL',
  'MODEL_ARMOR',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'IMAGE_OTHER',
  'UNEXPECTED_TOOL_CALL',
  'NO_IMAGE',
]
const modalityNames: readonly string[] = [
  'MODALITY_UNSPECIFIED',
  'TEXT',
  'IMAGE',
  'VIDEO',
  'AUDIO',
  'DOCUMENT',
]

const nameOf = (value: unknown, names: readonly string[]): string | null =>
  typeof value === 'string' && value !== ''
    ? value
    : typeof value === 'number'
      ? (names[value] ?? String(value))
      : null

/** Null while there is none. */
export const finishNameOf = (value: unknown): string | null => nameOf(value, finishNames)

const modalityOf = (value: unknown): string | null => nameOf(value, modalityNames)

const filtered = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MODEL_ARMOR',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
])
const whole = new Set(['FINISH_REASON_UNSPECIFIED', 'STOP', 'MAX_TOKENS'])

/** OpenAI's word. Calls decide over the provider's: it says STOP after them. */
export function finishReasonOf(name: string, hasCalls: boolean): string {
  if (filtered.has(name)) return 'content_filter'
  if (hasCalls) return 'tool_calls'
  return name === 'MAX_TOKENS' ? 'length' : 'stop'
}

/** Whether the model failed to say what it wanted to, a call that cannot be used among others. */
export const isMishap = (name: string): boolean => !whole.has(name) && !filtered.has(name)

/** Zero is "unspecified", which is no block. */
export const isBlock = (reason: unknown): boolean =>
  (typeof reason === 'string' && reason !== '' && reason !== 'BLOCK_REASON_UNSPECIFIED') ||
  (typeof reason === 'number' && reason > 0)

/** The tokens of one kind among the details of a count. */
export function tokensOf(details: unknown, modality: string): number {
  let tokens = 0
  for (const detail of listOf(details)) {
    const { modality: kind, tokenCount } = (detail ?? {}) as Record<string, unknown>
    if (modalityOf(kind) === modality && typeof tokenCount === 'number') tokens += tokenCount
  }
  return tokens
}
