import { answers, sign } from './conversation.ts'
import {
  anyObject,
  base64,
  count,
  type Fields,
  flag,
  list,
  literal,
  number,
  object,
  oneMember,
  Refusal,
  type Shape,
  text,
  variant,
} from './shapes.ts'

export interface GeminiTraits {
  readonly place: 'own' | 'vertex'
  /** The third generation wants its signatures back, and only Google's own API has ids there. */
  readonly isThird: boolean
}

export interface Content {
  readonly role: 'user' | 'model'
  readonly parts: readonly Fields[]
}

/** What goes where a signature is missing because the call came from another provider. */
export const noSignature = 'skip_thought_signature_validator'

const partOf = (hasIds: boolean): { readonly user: Shape; readonly model: Shape } => {
  const id = hasIds ? { id: text() } : {}
  const said = { text: text(/^/) }
  const user = oneMember({
    text: text(),
    inlineData: object({ mimeType: text(/^\w+\/[\w.+-]+$/), data: base64 }),
    fileData: object({ fileUri: text() }, { mimeType: text() }),
    functionResponse: object({ ...id, name: text(), response: anyObject }),
  })
  const model = oneMember(
    { ...said, functionCall: object({ ...id, name: text(), args: anyObject }) },
    { thought: literal(true), thoughtSignature: text(/^[A-Za-z0-9+/_-]+=*$/) },
  )
  return { user, model }
}

function bodyShape({ place, isThird }: GeminiTraits): Shape {
  const { user, model } = partOf(place === 'own' && isThird)
  const contents = list(
    variant('role', {
      user: object({ role: text(), parts: list(user) }),
      model: object({ role: text(), parts: list(model) }),
    }),
  )
  const declaration = object(
    { name: text(/^[a-zA-Z_][\w.-]*$/) },
    { description: text(), parametersJsonSchema: anyObject },
  )
  return object(
    { contents },
    {
      systemInstruction: object({ parts: list(object({ text: text() })) }),
      tools: list(oneMember({ functionDeclarations: list(declaration), googleSearch: object({}) })),
      toolConfig: object({
        functionCallingConfig: object(
          { mode: literal('AUTO', 'ANY', 'NONE') },
          { allowedFunctionNames: list(text()) },
        ),
      }),
      generationConfig: generationConfig(isThird),
      ...(place === 'vertex' && { labels: anyObject }),
      safetySettings: list(anyObject),
      cachedContent: text(),
    },
  )
}

function generationConfig(isThird: boolean): Shape {
  return object(
    {},
    {
      candidateCount: count(1),
      seed: count(),
      stopSequences: list(text()),
      temperature: number(0, 2),
      topP: number(0, 1),
      topK: count(1),
      maxOutputTokens: count(1),
      frequencyPenalty: number(-2, 2),
      presencePenalty: number(-2, 2),
      responseMimeType: literal('text/plain', 'application/json'),
      responseJsonSchema: anyObject,
      responseLogprobs: flag,
      logprobs: count(),
      thinkingConfig: object(
        isThird
          ? { thinkingLevel: literal('MINIMAL', 'LOW', 'MEDIUM', 'HIGH') }
          : { thinkingBudget: count() },
        { includeThoughts: flag },
      ),
    },
  )
}

/** Throws a `Refusal`. `asksThoughts`: the calls under way were thought over, so that they must be signed. */
export function checkGeminiRequest(
  body: Fields,
  traits: GeminiTraits,
  asksThoughts: boolean,
): readonly Content[] {
  bodyShape(traits)(body, 'body')
  const contents = body['contents'] as readonly Content[]
  if (contents[0]?.role !== 'user') throw new Refusal('contents', 'must begin with the user')
  contents.forEach(({ role, parts }, at) => {
    const before = contents[at - 1]
    if (role === 'model') checkCalls(contents[at - 1], parts, at)
    checkResponses(parts, before?.role === 'model' ? before.parts.filter(isCall) : [], at)
    checkSignatures(parts)
  })
  checkTurn(contents, traits, asksThoughts)
  const config = body['generationConfig'] as Fields | undefined
  const isJson = config?.['responseMimeType'] === 'application/json'
  if (isJson && !traits.isThird && body['tools'] !== undefined)
    throw new Refusal('generation_config', 'Function calling with JSON is unsupported')
  if (config?.['responseJsonSchema'] !== undefined && !isJson)
    throw new Refusal('generation_config', 'a schema needs a JSON mime type')
  return contents
}

export const isCall = (part: Fields): boolean => 'functionCall' in part
const callOf = (part: Fields): Fields => (part['functionCall'] ?? {}) as Fields
export const responseOf = (part: Fields): Fields => (part['functionResponse'] ?? {}) as Fields
const isResponse = (part: Fields): boolean => 'functionResponse' in part

function checkCalls(before: Content | undefined, parts: readonly Fields[], at: number): void {
  if (parts.some(isCall) && before?.role !== 'user')
    throw new Refusal(`contents.${at}`, 'a function call turn must come after a user turn')
}

function checkResponses(parts: readonly Fields[], calls: readonly Fields[], at: number): void {
  const responses = parts.filter(isResponse)
  const path = `contents.${at}`
  if (responses.length !== calls.length)
    throw new Refusal(path, 'there must be as many function responses as function calls')
  if (responses.length > 0 && responses.length < parts.length)
    throw new Refusal(path, 'function responses must be alone in their turn')
  const open = [...calls]
  for (const response of responses.map(responseOf)) {
    const { id, name } = response
    const place = open.findIndex((part) =>
      id === undefined ? callOf(part)['name'] === name : callOf(part)['id'] === id,
    )
    const [call] = place < 0 ? [] : open.splice(place, 1).map(callOf)
    if (call?.['name'] !== name)
      throw new Refusal(path, `the function response ${name} belongs to no function call`)
    const input = (call?.['args'] ?? {}) as Fields
    if (!answers(String(name), input, JSON.stringify(response['response'])))
      throw new Refusal(path, `the response to another call came for ${JSON.stringify(input)}`)
  }
}

export const signedText = (said: string): string => sign('gemini', said)
export const signedCall = ({ name, args }: Fields): string =>
  sign('gemini', `${name}${JSON.stringify(args)}`)

/** Wherever a signature is, it is the one that was given for this. */
function checkSignatures(parts: readonly Fields[]): void {
  const spoken = parts
    .map((part) => (part['thought'] === true ? '' : (part['text'] ?? '')))
    .join('')
  for (const part of parts) {
    const { thoughtSignature: given } = part
    if (given === undefined || given === noSignature) continue
    const expected = isCall(part) ? signedCall(callOf(part)) : signedText(spoken)
    if (given !== expected) throw new Refusal('contents', 'Thought signature is not valid')
  }
}

/** Of the steps since the user last said something: the first call of each needs the signature of its thought. */
function checkTurn(contents: readonly Content[], { isThird }: GeminiTraits, asks: boolean): void {
  const began = contents.findLastIndex(
    ({ role, parts }) => role === 'user' && !parts.some(isResponse),
  )
  for (const { parts } of contents.slice(began + 1)) {
    const first = parts.find(isCall)
    if (first && (isThird || asks) && first['thoughtSignature'] === undefined)
      throw new Refusal('contents', 'Function call is missing a thought_signature')
  }
}
