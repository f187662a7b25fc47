import type { SeenRequest } from '../upstream-request.ts'
import { json } from '../upstream-script.ts'
import { counts, piecesOf, type Reading, type Turn } from './conversation.ts'
import {
  checkGeminiRequest,
  type GeminiTraits,
  isCall,
  noSignature,
  responseOf,
  signedCall,
  signedText,
} from './gemini-request.ts'
import { createModel, type ScriptedModel, sseFrame } from './scripted-model.ts'
import { type Fields, fieldsOf, Refusal } from './shapes.ts'

interface GeminiOptions {
  readonly place: GeminiTraits['place']
  /** Whether calls may come back without their signatures: those that another provider made. */
  readonly takesForeign: boolean
}

/** Gemini at Google's own address, or below the paths of Google Cloud. */
export function createGeminiModel({ place, takesForeign }: GeminiOptions): ScriptedModel {
  return createModel({
    streamType: 'text/event-stream',
    read(request) {
      const reading = read(request, place, takesForeign)
      if (!takesForeign && request.body.includes(noSignature))
        throw new Refusal('contents', 'a signature is lost')
      return reading
    },
    plain: (turn, reading) =>
      replyOf(partsOf(turn, reading, traitsOf(reading, place)), turn, reading, 'STOP'),
    frames: (turn, reading) => frames(turn, reading, traitsOf(reading, place)),
    refuse: (refusal) => {
      const message =
        refusal.unknown === null
          ? refusal.message
          : `Invalid JSON payload received. Unknown name "${refusal.unknown}" at '${refusal.path}': Cannot find field.`
      const violation = { field: refusal.path, description: message }
      return json(
        400,
        errorBody(400, 'INVALID_ARGUMENT', message, [
          { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [violation] },
        ]),
      )
    },
    limited: () =>
      json(
        429,
        errorBody(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', [
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' },
        ]),
      ),
    overloaded: () => json(503, errorBody(503, 'UNAVAILABLE', 'The model is overloaded.')),
    errorFrame: () =>
      sseFrame(errorBody(503, 'UNAVAILABLE', 'The model is overloaded.'), null, '\r\n'),
  })
}

const traitsOf = ({ model }: Reading, place: GeminiTraits['place']): GeminiTraits => ({
  place,
  isThird: model.startsWith('gemini-3'),
})

const errorBody = (code: number, status: string, message: string, details?: readonly object[]) => ({
  error: { code, message, status, ...(details && { details }) },
})

function read(request: SeenRequest, place: GeminiTraits['place'], takesForeign: boolean): Reading {
  const { model, isStream } = readPath(request, place)
  const traits = { place, isThird: model.startsWith('gemini-3') }
  const body = fieldsOf(request.json, 'body')
  const config = (body['generationConfig'] ?? {}) as Fields
  const thinks = (config['thinkingConfig'] as Fields | undefined)?.['includeThoughts'] === true
  const contents = checkGeminiRequest(body, traits, thinks && !takesForeign)
  const last = contents.at(-1)?.parts ?? []
  const tools = ((body['tools'] ?? []) as Fields[])
    .flatMap(({ functionDeclarations }) => (functionDeclarations ?? []) as Fields[])
    .map(({ name }) => String(name))
  return {
    model,
    isStream,
    thinks,
    answered: last
      .map(responseOf)
      .flatMap(({ name }) => (name === undefined ? [] : [String(name)])),
    hasImage: last.some((part) => 'inlineData' in part || 'fileData' in part),
    wantsForm: config['responseJsonSchema'] !== undefined || tools.includes('answer_as_json'),
    tools,
  }
}

const places = {
  own: '/v1beta/models/',
  vertex: '/v1/projects/p1/locations/global/publishers/google/models/',
}

function readPath({ path, headers }: SeenRequest, place: GeminiTraits['place']) {
  const rest = path.startsWith(places[place]) ? path.slice(places[place].length) : ''
  const found = /^([^/:]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(rest)
  if (!found) throw new Refusal('path', `${path} is none`)
  const credential = place === 'own' ? headers['x-goog-api-key'] : headers['authorization']
  if (!credential) throw new Refusal('credential', 'is required')
  return { model: decodeURIComponent(found[1] ?? ''), isStream: found[2] !== 'generateContent' }
}

function partsOf(turn: Turn, reading: Reading, { place, isThird }: GeminiTraits): Fields[] {
  const { thought, text, calls } = turn
  const isSigned = isThird || reading.thinks
  const said = calls.length === 0 && isSigned ? { thoughtSignature: signedText(text) } : {}
  return [
    ...(reading.thinks ? [{ text: thought, thought: true }] : []),
    ...(text === '' ? [] : [{ text, ...said }]),
    ...calls.map(({ key, name, input: args }, at) => ({
      functionCall: { ...(place === 'own' && isThird && { id: `fc-${key}` }), name, args },
      // Of calls at once only the first is signed.
      ...(at === 0 && isSigned && { thoughtSignature: signedCall({ name, args }) }),
    })),
  ]
}

function replyOf(parts: readonly Fields[], turn: Turn, reading: Reading, finish: string | null) {
  const thoughts = reading.thinks ? counts.thoughts : 0
  const answer = counts.output - thoughts
  return {
    candidates: [
      {
        content: { parts, role: 'model' },
        ...(finish !== null && { finishReason: finish }),
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: counts.input,
      ...(finish !== null && {
        candidatesTokenCount: answer,
        cachedContentTokenCount: counts.cached,
      }),
      ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
      totalTokenCount: counts.input + (finish === null ? 0 : counts.output),
    },
    modelVersion: reading.model,
    responseId: `resp-${turn.calls[0]?.key ?? 'text'}`,
  }
}

/** Text in pieces, calls whole; the signature of a text comes behind it, on a part that says nothing. */
function frames(turn: Turn, reading: Reading, traits: GeminiTraits): Buffer[] {
  const pieces = partsOf(turn, reading, traits).flatMap((part) => {
    const { text, thoughtSignature: signature, ...rest } = part
    if (typeof text !== 'string') return [part]
    const end = signature === undefined ? [] : [{ text: '', thoughtSignature: signature }]
    return [...piecesOf(text, 9).map((piece) => ({ text: piece, ...rest })), ...end]
  })
  // Calls come together in one event, as does what ends with the finish.
  const calls = pieces.filter(isCall)
  const events = [...pieces.filter((part) => !isCall(part)).map((part) => [part])]
  if (calls.length > 0) events.push(calls)
  return events.map((parts, at) =>
    sseFrame(replyOf(parts, turn, reading, at === events.length - 1 ? 'STOP' : null), null, '\r\n'),
  )
}
