import { createHash } from 'node:crypto'
import type { Fields } from './shapes.ts'

/** What a scripted model says in one answer. */
export interface Turn {
  readonly thought: string
  readonly text: string
  readonly calls: readonly Call[]
}

export interface Call {
  /** Unlike any other of the conversation. */
  readonly key: string
  readonly name: string
  readonly input: Fields
}

/** What a model sees of a request, whatever its dialect. */
export interface Reading {
  readonly model: string
  readonly isStream: boolean
  readonly thinks: boolean
  /** Names of the tools whose results were handed in just now. */
  readonly answered: readonly string[]
  readonly hasImage: boolean
  /** Whether the answer must be of a given form. */
  readonly wantsForm: boolean
  readonly tools: readonly string[]
}

export const weatherCalls: readonly Call[] = [
  { key: '1a', name: 'get_weather', input: { city: 'Paris' } },
  { key: '1b', name: 'get_weather', input: { city: 'Oslo', unit: '°C' } },
]
export const packCall: Call = {
  key: '2a',
  name: 'pack',
  input: {
    items: [{ name: 'coat', count: 1 }, { name: 'parapluie — léger' }],
    note: 'a "wet" \\ 9°',
  },
}
export const said = {
  look: 'Let me look — un instant. ',
  advice: 'Take a coat to Oslo — it rains there 🌧. In Paris 24° will do.',
  picture: 'The picture shows one red pixel — that is all.',
  greeting: 'Bonjour — hello. 🙂',
} as const
export const form = { city: 'Oslo', items: ['coat', 'umbrella — small'], rainy: true }
/** A name that the gateway gives to a tool that is the answer itself. */
export const answerTool = 'answer_as_json'

/** In the meaning of OpenAI: of the input 40 were read from a cache, and 10 written where that is told apart. */
export const counts = { input: 150, cached: 40, written: 10, output: 50, thoughts: 30 } as const

/** The script: two questions at once, one more, the advice, a picture, a form; a greeting for all else. */
export function speak(reading: Reading): Turn {
  const { answered, wantsForm, hasImage, tools } = reading
  if (answered.includes('pack'))
    return { thought: 'A coat, then — 🧥.', text: said.advice, calls: [] }
  if (answered.length > 0)
    return { thought: 'Oslo is wet: what to pack?', text: '', calls: [packCall] }
  if (wantsForm) return speakForm(tools)
  if (hasImage) return { thought: 'One pixel…', text: said.picture, calls: [] }
  if (tools.includes('get_weather'))
    return { thought: 'Two cities — deux 🧭.', text: said.look, calls: weatherCalls }
  return { thought: 'A greeting.', text: said.greeting, calls: [] }
}

function speakForm(tools: readonly string[]): Turn {
  const thought = 'Oslo, in short.'
  if (!tools.includes(answerTool)) return { thought, text: JSON.stringify(form), calls: [] }
  return { thought, text: '', calls: [{ key: '5a', name: answerTool, input: form }] }
}

/** What a thought, or a call, is signed with. Each kind of model knows its own only. */
export const sign = (secret: string, thought: string): string =>
  createHash('sha256').update(`${secret}:${thought}`).digest('base64')

/** The result of a call, as a client hands it in: an object for one city, a sentence for the other. */
export const resultOf = ({ name, input }: Call): string =>
  name === 'pack'
    ? JSON.stringify(['packed', 2])
    : input['city'] === 'Paris'
      ? JSON.stringify({ city: 'Paris', sky: 'sunny', degrees: 24 })
      : 'Oslo: rain — 9°'

/** Whether a result is the one of that call and not of its neighbour. */
export const answers = (name: string, input: Fields, result: string): boolean =>
  name !== 'get_weather' || typeof input['city'] !== 'string' || result.includes(input['city'])

/** Text in pieces of so many characters, none of them cut. */
export function piecesOf(text: string, length: number): string[] {
  const characters = Array.from(text)
  const pieces: string[] = []
  for (let at = 0; at < characters.length; at += length)
    pieces.push(characters.slice(at, at + length).join(''))
  return pieces
}
