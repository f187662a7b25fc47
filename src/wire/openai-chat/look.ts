import { GatewayError } from '../../core/errors.ts'
import {
  type JsonField,
  type JsonFields,
  JsonScan,
  readField,
  requestRules,
  scanJson,
} from '../json-scan.ts'
import { ChatRequestSchema } from './schema.ts'

/** What the gateway needs to know of a request to route and meter it; the bytes themselves go on to the provider. */
export interface ChatLook {
  readonly bytes: Buffer
  readonly fields: JsonFields
  /** Null where the body names none, which only an address that names it allows. */
  readonly model: string | null
  readonly stream: boolean
  /** Whether the caller asked for the usage chunk of a stream. */
  readonly includeUsage: boolean
  /** Whether `stream_options` holds nothing but `include_usage`, or is not there. */
  readonly plainStreamOptions: boolean
  /** How many answers were asked for, `n`. */
  readonly choices: number
  readonly fallbacks: readonly string[]
  /** The size of `messages`: all there is to estimate a prompt from when a provider counts nothing. */
  readonly promptBytes: number
  /** Once somebody has asked for it (`prompt-size.ts`). */
  promptSize?: PromptSize | null
}

/** What a request is made of, by the size of its bytes: nobody here knows the provider's tokens. */
export interface PromptSize {
  /** Of messages and tools, without pictures, sound and files. */
  readonly textBytes: number
  readonly messages: number
  readonly images: number
  /** Of what stands in it as base64 and is no picture. */
  readonly fileBytes: number
}

const stepBytes = 256 * 1024
// It ends up in the log, in metrics and in comparisons with every known name.
const longestModel = 512

/** As `scanJson` for requests, with a pause after each 256 KiB, so that a large body does not hold up the others. */
export async function scanRequest(bytes: Buffer, pause: () => Promise<void>): Promise<JsonFields> {
  if (bytes.length <= stepBytes) return scanJson(bytes, requestRules)
  const scan = new JsonScan(bytes, requestRules)
  while (!scan.run(stepBytes)) await pause()
  return scan.fields
}

/** Throws `invalid_request` with `param` for what the documented fields may not be. */
export function lookAtChat(bytes: Buffer, fields: JsonFields, modelInAddress: boolean): ChatLook {
  for (const field of fields.values()) {
    const rule = rules.get(field.name)
    if (rule) checkField(bytes, field, rule)
  }
  const messages = fields.get('messages')
  if (!messages)
    throw invalid('messages', '"messages" is missing: a list with at least one message')
  const first = bytes[firstIn(bytes, messages)]
  if (first !== 123) throw invalid('messages', 'Every entry of "messages" must be an object')
  const modelField = fields.get('model')
  if (modelField && modelField.end - modelField.start > longestModel)
    throw invalid('model', `"model" is over ${longestModel} bytes long`)
  const model = modelField?.kind === 'string' ? (readField(bytes, modelField) as string) : null
  if (model === '' || (model === null && !modelInAddress))
    throw invalid('model', '"model" is missing: a string such as "openai/gpt-4o"')
  return {
    bytes,
    fields,
    model,
    stream: isTrue(bytes, fields.get('stream')),
    ...readStreamOptions(bytes, fields.get('stream_options')),
    choices: (readOptional(bytes, fields.get('n')) as number | null) ?? 1,
    fallbacks: readFallbacks(bytes, fields.get('fallbacks')),
    promptBytes: messages.end - messages.start,
    promptSize: null,
  }
}

interface Rule {
  readonly kinds: readonly string[]
  readonly minimum: number
  readonly maximum: number
  readonly minItems: number
}

// The published schema is the rule: a shallow reading of it, since the bytes are never built into values.
const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries(ChatRequestSchema.properties as Record<string, PlainSchema>).map(
    ([name, { type, minimum, maximum, minItems }]) => [
      name,
      {
        kinds: [type ?? []].flat(),
        minimum: minimum ?? Number.NEGATIVE_INFINITY,
        maximum: maximum ?? Number.POSITIVE_INFINITY,
        minItems: minItems ?? 0,
      },
    ],
  ),
)
interface PlainSchema {
  readonly type?: string | readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
}

function checkField(bytes: Buffer, field: JsonField, rule: Rule): void {
  const { name, kind } = field
  if (kind === 'number' && rule.kinds.some(isNumeric)) {
    const value = Number(bytes.toString('latin1', field.start, field.end))
    const whole = !rule.kinds.includes('number')
    if (
      !Number.isFinite(value) ||
      value < rule.minimum ||
      value > rule.maximum ||
      (whole && !Number.isInteger(value))
    )
      throw invalid(name, `"${name}" must be ${describeNumber(rule, whole)}`)
  } else if (name === 'model' && kind === 'null') return
  else if (!rule.kinds.includes(kind))
    throw invalid(
      name,
      `"${name}" must be ${rule.kinds
        .filter((each) => each !== 'null')
        .map(withArticle)
        .join(' or ')}, not ${withArticle(kind)}`,
    )
  else if (kind === 'array' && rule.minItems > 0 && firstIn(bytes, field) === field.end - 1)
    throw invalid(name, `"${name}" is empty: it needs at least one entry`)
}

const isNumeric = (kind: string): boolean => kind === 'number' || kind === 'integer'
const withArticle = (kind: string): string =>
  kind === 'null' ? 'null' : /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`

function describeNumber({ minimum, maximum }: Rule, whole: boolean): string {
  const noun = whole ? 'a whole number' : 'a number'
  if (Number.isFinite(minimum) && Number.isFinite(maximum))
    return `${noun} from ${minimum} to ${maximum}`
  return Number.isFinite(minimum) ? `${noun} of at least ${minimum}` : noun
}

/** Where the first thing inside a list or an object stands; its closing bracket when it is empty. */
function firstIn(bytes: Buffer, field: JsonField): number {
  let at = field.start + 1
  for (let byte = bytes[at]; byte === 32 || byte === 10 || byte === 13 || byte === 9; )
    byte = bytes[++at]
  return at
}

const isTrue = (bytes: Buffer, field: JsonField | undefined): boolean =>
  field?.kind === 'boolean' && bytes[field.start] === 116

const readOptional = (bytes: Buffer, field: JsonField | undefined): unknown =>
  field ? readField(bytes, field) : null

function readStreamOptions(
  bytes: Buffer,
  field: JsonField | undefined,
): Pick<ChatLook, 'includeUsage' | 'plainStreamOptions'> {
  if (field?.kind !== 'object') return { includeUsage: false, plainStreamOptions: true }
  const inner = bytes.subarray(field.start, field.end)
  const options = scanJson(inner, requestRules)
  const asked = options.get('include_usage')
  if (asked && asked.kind !== 'boolean' && asked.kind !== 'null')
    throw invalid(
      'stream_options.include_usage',
      '"stream_options.include_usage" must be a boolean',
    )
  return {
    includeUsage: isTrue(inner, asked),
    plainStreamOptions: options.size === (asked ? 1 : 0),
  }
}

function readFallbacks(bytes: Buffer, field: JsonField | undefined): readonly string[] {
  const list = readOptional(bytes, field) as unknown[] | null
  if (!list) return []
  const isName = (each: unknown): boolean =>
    typeof each === 'string' && each !== '' && each.length <= longestModel
  if (list.length > 10 || !list.every(isName))
    throw invalid('fallbacks', '"fallbacks" must be a list of at most ten model names')
  return list as string[]
}

const invalid = (param: string, message: string): GatewayError =>
  new GatewayError('invalid_request', message, { param })
