import type { EncodeOptions } from '../../core/dialect.ts'
import { isObject, type JsonObject, parseJson } from '../json.ts'
import type {
  AssistantTurn,
  Conversation,
  ToolResult,
  TurnCall,
  UserTurn,
} from '../translate/conversation.ts'
import { textOf } from '../translate/conversation.ts'
import type { Omissions } from '../translate/omissions.ts'
import type { Part } from '../translate/parts.ts'
import { argumentsObject } from '../translate/tools.ts'
import { encodePart } from './media.ts'
import type { GeminiApi, ModelTraits } from './model-traits.ts'
import { readSignatures, signatureOf } from './signatures.ts'

/** Google's own: it takes the place of a signature where a call came from somewhere else. */
const noSignature = 'skip_thought_signature_validator'

export interface EncodedContents {
  readonly contents: readonly JsonObject[]
  readonly systemInstruction: JsonObject | null
}

export interface ContentsOptions extends Pick<EncodeOptions, 'images'> {
  readonly api: GeminiApi
  readonly traits: ModelTraits
}

export function encodeContents(
  { instructions, turns }: Conversation,
  options: ContentsOptions,
  omissions: Omissions,
): EncodedContents {
  const contents: JsonObject[] = []
  const system = encodeParts(instructions, options, omissions)
  // There must be something to answer, and the oldest open models know no instructions.
  const isApart = options.traits.takesInstructions && turns.length > 0
  if (!isApart && system.length > 0) contents.push({ role: 'user', parts: system })
  let calls: readonly TurnCall[] = []
  for (const turn of turns) {
    if (turn.role === 'user') contents.push(...encodeUser(turn, calls, options, omissions))
    else {
      const parts = encodeAssistant(turn, options, omissions)
      if (parts.length > 0) contents.push({ role: 'model', parts })
      calls = turn.toolCalls
    }
  }
  const systemInstruction = isApart && system.length > 0 ? { parts: system } : null
  return { contents, systemInstruction }
}

const encodeParts = (
  parts: readonly Part[],
  options: ContentsOptions,
  omissions: Omissions,
): readonly JsonObject[] =>
  parts.map((part) => encodePart(part, options, omissions)).filter((part) => part !== null)

/** The results apart from what the user says next: they answer the calls one by one. */
function encodeUser(
  turn: UserTurn,
  calls: readonly TurnCall[],
  options: ContentsOptions,
  omissions: Omissions,
): readonly JsonObject[] {
  const beside: JsonObject[] = []
  const responses = inCallOrder(turn.results, calls).map((result) =>
    encodeResult(result, beside, options, omissions),
  )
  const parts = [...beside, ...encodeParts(turn.parts, options, omissions)]
  return [responses, parts]
    .filter(({ length }) => length > 0)
    .map((each) => ({ role: 'user', parts: each }))
}

/** Calls of one name are told apart by their order alone where they have no ids. */
function inCallOrder(
  results: readonly ToolResult[],
  calls: readonly TurnCall[],
): readonly ToolResult[] {
  if (results.length < 2) return results
  const places = new Map(calls.map(({ id }, place) => [id, place]))
  const placeOf = ({ callId }: ToolResult): number => places.get(callId) ?? calls.length
  const byName = Map.groupBy(results, ({ name }) => name)
  const sorted = new Map(
    [...byName].map(([name, each]) => [
      name,
      each.toSorted((a, b) => placeOf(a) - placeOf(b)).values(),
    ]),
  )
  return results.map((result) => sorted.get(result.name)?.next().value ?? result)
}

function encodeResult(
  { callId, name, parts, extra, at }: ToolResult,
  beside: JsonObject[],
  options: ContentsOptions,
  omissions: Omissions,
): JsonObject {
  if (name === '')
    omissions.deny(
      `${at}.tool_call_id`,
      `It finds a call by the function's name, and no message before has a call "${callId}".`,
    )
  for (const [member, value] of Object.entries(extra))
    if (!resultMembers.has(member) && value != null) omissions.drop(`${at}.${member}`)
  const inside: JsonObject[] = []
  for (const part of parts) {
    if (part.kind === 'text' || part.kind === 'refusal') continue
    const encoded = encodePart(part, options, omissions)
    if (!encoded) continue
    // Only newer models look into a response; the others see it next to it.
    const isInside = options.traits.needsSignatures && 'inlineData' in encoded
    if (isInside) inside.push({ inlineData: encoded['inlineData'] })
    else beside.push(encoded)
  }
  return {
    functionResponse: {
      ...(hasIds(options) && callId !== '' && { id: callId }),
      name,
      response: responseOf(
        textOf(parts),
        extra['is_error'] === true || extra['status'] === 'error',
      ),
      ...(inside.length > 0 && { parts: inside }),
    },
  }
}

const resultMembers = new Set(['name', 'is_error', 'status'])

/** An object as it is, anything else wrapped into one by the name that says whether it went well. */
function responseOf(text: string, isError: boolean): JsonObject {
  const start = /^\s*([{[])/.exec(text)?.[1]
  // Numbers this long would not survive the reading; as text they do.
  const value = start && !/\d{16}/.test(text) ? parseJson(text) : undefined
  if (isObject(value)) return value
  return { [isError ? 'error' : 'output']: Array.isArray(value) ? value : text }
}

function encodeAssistant(
  turn: AssistantTurn,
  options: ContentsOptions,
  omissions: Omissions,
): readonly JsonObject[] {
  const signatures = readSignatures(turn.reasoning, omissions)
  const said = [...encodeParts(turn.parts, options, omissions)]
  const last = said.at(-1)
  const [only] = signatures.ofText
  if (last && only !== undefined && signatures.ofText.length === 1)
    said[said.length - 1] = { ...last, thoughtSignature: only }
  else said.push(...signatures.ofText.map((thoughtSignature) => ({ text: '', thoughtSignature })))
  const calls = turn.toolCalls.map((call) =>
    encodeCall(call, signatures.ofCalls.get(call.id) ?? signatureOf(call), options, omissions),
  )
  const [first, ...others] = calls
  if (first && options.traits.needsSignatures && !('thoughtSignature' in first))
    return [...signatures.thoughts, ...said, { ...first, thoughtSignature: noSignature }, ...others]
  return [...signatures.thoughts, ...said, ...calls]
}

function encodeCall(
  call: TurnCall,
  signature: string | null,
  options: ContentsOptions,
  omissions: Omissions,
): JsonObject {
  const { id, name, arguments: text, kind, extra = {}, at } = call
  for (const [member, value] of Object.entries(extra))
    if (member !== 'extra_content' && value != null) omissions.drop(`${at}.${member}`)
  // A model may write arguments that are no object: it sees again what it wrote.
  const args = kind === 'custom' ? { input: text } : (argumentsObject(text) ?? { arguments: text })
  return {
    functionCall: { ...(hasIds(options) && id !== '' && { id }), name, args },
    ...(signature !== null && { thoughtSignature: signature }),
  }
}

/** Older models, and the stable version of Google Cloud's API, have no field for them. */
const hasIds = ({ api, traits }: ContentsOptions): boolean =>
  api === 'gemini' && traits.needsSignatures
