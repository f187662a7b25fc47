import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { isObject, type JsonObject, listOf } from '../json.ts'
import { decodeCitations } from './citations.ts'
import { finishNameOf, finishReasonOf, isMishap } from './enums.ts'
import { decodeLogprobs } from './logprobs.ts'
import { PartialArguments } from './partial-arguments.ts'
import { reasoningFormat, signedCall } from './signatures.ts'

interface OpenCall {
  readonly id: unknown
  readonly name: string
  readonly args: PartialArguments
  readonly signature: unknown
}

/** One of the answers, as its pieces come in. */
export class Candidate {
  readonly #choice: number
  readonly #context: ReplyContext
  /** Of all calls of the reply, so that none comes twice. */
  readonly #ids: Set<string>
  #begun = false
  #calls = 0
  #details = 0
  #images = 0
  #audioId: string | null = null
  #open: OpenCall | null = null
  #isAnswered = false
  #text = ''
  #finish: string | null = null
  #finishMessage: unknown
  #metadata: JsonObject = {}

  constructor(choice: number, context: ReplyContext, ids: Set<string>) {
    this.#choice = choice
    this.#context = context
    this.#ids = ids
  }

  get isFinished(): boolean {
    return this.#finish !== null
  }

  read(wire: JsonObject): readonly ChatEvent[] {
    const events: ChatEvent[] = this.#begin()
    const content = isObject(wire['content']) ? wire['content'] : {}
    for (const part of listOf(content['parts'])) if (isObject(part)) this.#part(part, events)
    this.#attachLogprobs(wire['logprobsResult'], events)
    for (const name of ['groundingMetadata', 'citationMetadata', 'urlContextMetadata'])
      if (isObject(wire[name]))
        this.#metadata = { ...this.#metadata, [name]: this.#merged(wire, name) }
    this.#finish = finishNameOf(wire['finishReason']) ?? this.#finish
    this.#finishMessage = wire['finishMessage'] ?? this.#finishMessage
    return events
  }

  /** What is to be said when nothing more can come. `isBlocked`: the provider stopped it without a reason of its own. */
  end(isBlocked: boolean): readonly ChatEvent[] {
    const events: ChatEvent[] = this.#begin()
    if (this.#open) this.#call(this.#open, events)
    this.#sources(events)
    const name = this.#finish ?? (isBlocked ? 'SAFETY' : 'FINISH_REASON_UNSPECIFIED')
    if (isMishap(name) && this.#text === '' && this.#calls === 0 && this.#images === 0)
      events.push({ type: 'refusal-delta', choice: this.#choice, text: this.#mishap(name) })
    const reason = finishReasonOf(name, this.#calls > 0)
    events.push({ type: 'finish', choice: this.#choice, reason })
    return events
  }

  #begin(): ChatEvent[] {
    if (this.#begun) return []
    this.#begun = true
    return [{ type: 'role', choice: this.#choice, role: 'assistant' }]
  }

  #mishap(name: string): string {
    const said = this.#finishMessage
    return typeof said === 'string' && said !== ''
      ? said
      : `The model ended without an answer (${name}).`
  }

  #part(part: JsonObject, events: ChatEvent[]): void {
    const { text, functionCall: call, inlineData: data, thoughtSignature: signature } = part
    const isThought = part['thought'] === true
    const choice = this.#choice
    if (isObject(call)) {
      this.#callPart(call, signature, events)
      return
    }
    if (this.#open) this.#call(this.#open, events)
    if (typeof text === 'string') {
      if (text !== '' && isThought) events.push({ type: 'reasoning-delta', choice, text })
      else if (text !== '') this.#say(text, events)
      this.#detail(isThought ? text : null, signature, events)
    } else if (isObject(data)) {
      // Sketches that the model made while it thought are not the answer. A picture's signature may be longer than the
      // picture, and is worth nothing without it: it stays here, since clients do not send pictures back.
      if (!isThought) this.#media(data, events)
    } else if ('executableCode' in part || 'codeExecutionResult' in part || isServerCall(part))
      this.#other({ extra_content: { google: { parts: [part] } } }, events)
  }

  #say(text: string, events: ChatEvent[]): void {
    this.#text += text
    events.push({ type: 'text-delta', choice: this.#choice, text })
  }

  #other(delta: JsonObject, events: ChatEvent[]): void {
    events.push({ type: 'other-delta', choice: this.#choice, delta })
  }

  /** What the provider wants back in the next turn. `thought`: the text it belongs to, where that is one. */
  #detail(thought: string | null, signature: unknown, events: ChatEvent[]): void {
    if (typeof signature !== 'string' || signature === '') return
    const at = { format: reasoningFormat, index: this.#details++ }
    const entry =
      thought === null
        ? { type: 'reasoning.encrypted', data: signature, ...at }
        : { type: 'reasoning.text', text: thought, signature, ...at }
    this.#other({ reasoning_details: [entry] }, events)
  }

  #media({ mimeType, data }: JsonObject, events: ChatEvent[]): void {
    if (typeof data !== 'string') return
    const type = typeof mimeType === 'string' ? mimeType : ''
    if (type.startsWith('audio/')) {
      this.#audioId ??= this.#context.newId()
      const audio = {
        id: this.#audioId,
        data,
        transcript: '',
        expires_at: this.#context.createdAt,
      }
      this.#other({ audio }, events)
      return
    }
    const image = {
      type: 'image_url',
      image_url: { url: `data:${type};base64,${data}` },
      index: this.#images++,
    }
    this.#other({ images: [image] }, events)
  }

  #callPart(call: JsonObject, signature: unknown, events: ChatEvent[]): void {
    const { name, id, args, partialArgs, willContinue } = call
    if (typeof name === 'string' && name !== '') {
      if (this.#open) this.#call(this.#open, events)
      this.#open = { id, name, args: new PartialArguments(args), signature }
    }
    if (!this.#open) return
    this.#open.args.add(partialArgs)
    if (willContinue !== true) this.#call(this.#open, events)
  }

  #call({ id: given, name, args, signature }: OpenCall, events: ChatEvent[]): void {
    this.#open = null
    const text = JSON.stringify(args.value)
    if (name === this.#context.answerTool) {
      // A second answer would make the first one invalid.
      if (!this.#isAnswered) this.#say(text, events)
      this.#isAnswered = true
      return
    }
    const at = { choice: this.#choice, call: this.#calls++ }
    events.push(
      {
        type: 'tool-call-start',
        ...at,
        id: this.#idOf(given),
        name,
        kind: 'function',
        ...(typeof signature === 'string' && signature !== '' && { extra: signedCall(signature) }),
      },
      { type: 'tool-call-delta', ...at, arguments: text },
    )
  }

  #idOf(given: unknown): string {
    const isUsable = typeof given === 'string' && given !== '' && !this.#ids.has(given)
    const id = isUsable ? given : `call_${this.#context.newId()}`
    this.#ids.add(id)
    return id
  }

  #attachLogprobs(wire: unknown, events: ChatEvent[]): void {
    const logprobs = decodeLogprobs(wire)
    if (!logprobs) return
    const at = events.findIndex(({ type }) => type === 'text-delta')
    const found = events[at]
    if (found?.type === 'text-delta') events[at] = { ...found, logprobs }
    else events.push({ type: 'text-delta', choice: this.#choice, text: '', logprobs })
  }

  /** Sources and the passages they are for may come in different events; lists that come again come whole. */
  #merged(wire: JsonObject, name: string): unknown {
    const before = this.#metadata[name]
    return { ...(isObject(before) && before), ...(wire[name] as JsonObject) }
  }

  #sources(events: ChatEvent[]): void {
    const { groundingMetadata, citationMetadata, urlContextMetadata } = this.#metadata
    const annotations = decodeCitations(groundingMetadata, citationMetadata, this.#text)
    if (annotations.length > 0) this.#other({ annotations }, events)
    const google = {
      ...(isFilled(groundingMetadata) && { grounding_metadata: groundingMetadata }),
      ...(isFilled(urlContextMetadata) && { url_context_metadata: urlContextMetadata }),
    }
    if (Object.keys(google).length > 0) this.#other({ extra_content: { google } }, events)
  }
}

const isServerCall = (part: JsonObject): boolean => 'toolCall' in part || 'toolResponse' in part

const isFilled = (value: unknown): boolean => isObject(value) && Object.keys(value).length > 0
