import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { ReplyContext } from '../../src/core/dialect.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { ChatDialect } from '../../src/providers/adapter.ts'
import { openaiChat } from '../../src/wire/openai-chat/dialect.ts'
import { canonicalRequests } from './requests.ts'

/** Set, the files are written anew; what changed is then read by a person before it is kept. */
const isUpdate = process.env['UPDATE_GOLDEN'] === '1'

/**
 * Everything about one dialect as data, in a folder of its own:
 * - `requests.json`: of each canonical request the exact body (text where it is no JSON), what is dropped and which tool
 *   carries the answer, or the refusal in words;
 * - `replies/<name>.in.json` beside `<name>.out.json`: a provider's reply and the exact answer in OpenAI's form;
 * - `streams/<name>.in.txt` (server-sent events) or `<name>.in.b64` (binary, in base64) beside `<name>.out.txt`: a
 *   provider's stream and the exact frames, the same wherever the bytes are cut.
 */
export function goldenTests(dialect: ChatDialect, folder: string, model: string): void {
  mkdirSync(join(folder, 'replies'), { recursive: true })
  mkdirSync(join(folder, 'streams'), { recursive: true })
  const written = readMap(join(folder, 'requests.json'))
  const fresh: Record<string, unknown> = {}
  for (const [name, wire] of Object.entries(canonicalRequests))
    test(`${dialect.name} says: ${name}`, () => {
      fresh[name] = encoded(dialect, model, wire)
      if (!isUpdate) assert.deepEqual(fresh[name], written[name])
      else if (Object.keys(fresh).length === Object.keys(canonicalRequests).length)
        writeFileSync(join(folder, 'requests.json'), `${JSON.stringify(fresh, null, 2)}\n`)
    })
  for (const file of readdirSync(join(folder, 'replies')).filter((each) =>
    /\.in\.json$/.test(each),
  ))
    test(`${dialect.name} is read: ${file}`, () => {
      const bytes = readFileSync(join(folder, 'replies', file))
      const out = join(folder, 'replies', file.replace('.in.', '.out.'))
      compare(out, answerOf(dialect, bytes))
    })
  for (const file of readdirSync(join(folder, 'streams')).filter((each) => /\.in\.\w+$/.test(each)))
    test(`${dialect.name} is read as a stream, wherever it is cut: ${file}`, () => {
      const text = readFileSync(join(folder, 'streams', file))
      const bytes = file.endsWith('.b64') ? Buffer.from(text.toString(), 'base64') : text
      const out = join(folder, 'streams', file.replace(/\.in\.\w+$/, '.out.txt'))
      const whole = framesOf(dialect, bytes, bytes.length)
      compare(out, whole)
      for (const size of [1, 7, 64]) assert.equal(framesOf(dialect, bytes, size), whole)
      for (let at = 1; at < Math.min(bytes.length, 4000); at++)
        assert.equal(framesOf(dialect, bytes, at, true), whole)
      if (file.endsWith('.b64')) return
      // Line ends are free, and content never holds a bare one.
      const plain = bytes.toString().replaceAll('\r\n', '\n')
      for (const end of ['\r\n', '\r', '\n'])
        assert.equal(framesOf(dialect, Buffer.from(plain.replaceAll('\n', end)), 11), whole)
    })
}

/** A tool stands for the answer where the provider calls one of that name. */
const context = (bytes: Uint8Array): ReplyContext => {
  let made = 0
  return {
    model: 'asked-model',
    createdAt: 1_790_000_000,
    newId: () => `id-${++made}`,
    answerTool: Buffer.from(bytes).includes('answer_as_json') ? 'answer_as_json' : null,
  }
}

function encoded(dialect: ChatDialect, model: string, wire: object): unknown {
  try {
    const request = openaiChat.request.decode(Buffer.from(JSON.stringify(wire)))
    const options = { model, dropUnsupported: false, images: new Map() }
    const { body, ...rest } = dialect.encodeRequest(request, options)
    return { body: JSON.parse(Buffer.from(body).toString()), ...rest }
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return { refused: thrown.facts.param, code: thrown.code, message: thrown.message }
  }
}

function answerOf(dialect: ChatDialect, bytes: Uint8Array): string {
  try {
    const reply = dialect.decodeReply(bytes, context(bytes))
    return pretty(JSON.parse(Buffer.from(openaiChat.reply.encode(reply)).toString()))
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return pretty({ code: thrown.code, status: thrown.status, message: thrown.message })
  }
}

function framesOf(dialect: ChatDialect, bytes: Buffer, size: number, once = false): string {
  const decoder = dialect.createDecoder(context(bytes))
  const encoder = openaiChat.events.encoder()
  let text = ''
  for (let from = 0; from < bytes.length; ) {
    const to = once && from > 0 ? bytes.length : Math.min(bytes.length, from + size)
    // A copy, so that nothing is read beyond the cut.
    text += encoder.push(decoder.push(Buffer.from(bytes.subarray(from, to))))
    from = to
  }
  return text + encoder.push(decoder.end()) + encoder.end()
}

function compare(file: string, found: string): void {
  if (isUpdate) writeFileSync(file, found)
  assert.ok(existsSync(file), `${file} is missing: run with UPDATE_GOLDEN=1 and read it`)
  assert.equal(found, readFileSync(file, 'utf8'))
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
const readMap = (file: string): Record<string, unknown> =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {}
