// The bytes that are sent: the same for every variant.
import fs from 'node:fs'
import path from 'node:path'
import { benchDialects } from './dialects.ts'

const question =
  'Explain how the retry budget of a gateway interacts with upstream rate limits when several keys share one quota, and give a short worked example with numbers. '

function chatBody(messages: readonly unknown[], extra: object = {}) {
  const sampling = { temperature: 0.7, max_tokens: 256, top_p: 1, user: 'user-1234' }
  return { model: 'openai/gpt-4o', messages, ...sampling, ...extra }
}

/** Translated, nothing of `user` may reach the upstream: it reads its pace from what is said. */
function dialectBody(model: string, paceMs: number | null) {
  const [system, user] = smallMessages
  if (paceMs === null) return chatBody(smallMessages, { model })
  const told = { role: 'system', content: `${system?.content} pace-${paceMs}` }
  const options = { stream: true, stream_options: { include_usage: true } }
  return chatBody([told, user], { model, ...options })
}

/** Deterministic noise that looks like an image. */
export function base64Noise(length: number): string {
  let state = 12345
  const bytes = Buffer.alloc(Math.floor((length * 3) / 4))
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[i] = state >>> 16
  }
  return bytes.toString('base64')
}

const smallMessages = [
  { role: 'system', content: 'You are a helpful assistant. Answer briefly and cite sources.' },
  { role: 'user', content: question.repeat(4) },
]

function longChat() {
  const intro = `You are a helpful assistant with tools — answer briefly.\n${question}`
  const messages = [{ role: 'system', content: intro }]
  for (let i = 0; messages.length < 41; i++) {
    messages.push({ role: 'user', content: `${i}. ${question.repeat(2)}` })
    const content = `It depends on the quota — see point ${i}.\n\t"Quoted" text and a path C:\\x.`
    messages.push({ role: 'assistant', content })
  }
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string', description: 'Where' } },
    required: ['city'],
  }
  const tools = Array.from({ length: 20 }, (_, i) => ({
    type: 'function',
    function: { name: `look_up_${i}`, description: question, parameters },
  }))
  return chatBody(messages, { tools })
}

function imageChat() {
  const url = `data:image/png;base64,${base64Noise(2 ** 20)}`
  const content = [
    { type: 'text', text: 'What is in this image?' },
    { type: 'image_url', image_url: { url } },
  ]
  return chatBody([{ role: 'user', content }])
}

/**
 * The upstream reads its pace from `user`: one event every `paceMs`, 0 for all at once. `tag`
 * makes it report when the stream is closed before its end.
 */
export function streamBody(paceMs: number, tag?: number) {
  const user = tag === undefined ? `pace-${paceMs}` : `pace-${paceMs} tag-${tag}`
  const options = { stream: true, stream_options: { include_usage: true } }
  return chatBody(smallMessages, { ...options, user })
}

export type BodyName = 'small' | 'medium' | 'big' | 'stream0' | 'stream20' | 'stream400'

/** `dialect`: the same for the model of another provider; there are `small`, `stream0` and `stream20` of it. */
export function bodyFile(work: string, name: BodyName, dialect = ''): string {
  return path.join(work, `${dialect}${name}.json`)
}

const dialectBodies = [
  ['small', null],
  ['stream0', 0],
  ['stream20', 20],
] as const

export function writeBodies(work: string): void {
  const bodies: Record<BodyName, object> = {
    small: chatBody(smallMessages),
    medium: longChat(),
    big: imageChat(),
    stream0: streamBody(0),
    stream20: streamBody(20),
    stream400: streamBody(400),
  }
  for (const [name, body] of Object.entries(bodies)) {
    fs.writeFileSync(bodyFile(work, name as BodyName), JSON.stringify(body))
  }
  for (const { name, model } of benchDialects)
    for (const [body, paceMs] of dialectBodies)
      fs.writeFileSync(
        bodyFile(work, body, name),
        JSON.stringify(dialectBody(`${name}/${model}`, paceMs)),
      )
}
