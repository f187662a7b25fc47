import assert from 'node:assert/strict'
import fs from 'node:fs'
import { type BodyName, bodyFile } from './bodies.ts'
import { benchDialects, counts, pieces, replyText } from './dialects.ts'
import type { Bench, Variant } from './variants.ts'

/**
 * A proxy that answers wrongly has no speed: throws unless its answers are those of the upstream.
 * Sluice must also refuse a call without a key, since authentication is part of what is measured.
 */
export async function checkAnswers(bench: Bench, variant: Variant, direct: Variant): Promise<void> {
  const read = (name: BodyName) => fs.readFileSync(bodyFile(bench.work, name))
  for (const name of ['small', 'medium', 'big', 'stream0', 'stream20'] as const) {
    const body = read(name)
    const [got, want] = await Promise.all([post(variant, body), post(direct, body)])
    const decode = name.startsWith('stream') ? readStream : JSON.parse
    assert.equal(got.status, 200, `${name}: ${got.text.slice(0, 500)}`)
    assert.deepEqual(decode(got.text), decode(want.text), `${name}: another answer came back`)
  }
  if (variant.role !== 'candidate') return
  const refused = await post({ ...variant, headers: [] }, read('small'))
  assert.equal(refused.status, 401, 'a call without a key must be refused')
}

async function post(variant: Variant, body: Buffer<ArrayBuffer>) {
  const headers = new Headers({ 'content-type': 'application/json' })
  for (const line of variant.headers) {
    const colon = line.indexOf(': ')
    headers.set(line.slice(0, colon), line.slice(colon + 2))
  }
  const reply = await fetch(`http://127.0.0.1:${variant.port}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(20_000),
  })
  return { status: reply.status, text: await reply.text() }
}

/** Whatever the dialect, the answer is OpenAI's, with the text and the counts that the upstream gave. */
export async function checkTranslations(bench: Bench, gateway: Variant): Promise<undefined> {
  for (const { name, model } of benchDialects)
    for (const body of ['small', 'stream0', 'stream20'] as const) {
      const got = await post(gateway, fs.readFileSync(bodyFile(bench.work, body, name)))
      assert.equal(got.status, 200, `${name}, ${body}: ${got.text.slice(0, 500)}`)
      if (body === 'small') {
        const reply = JSON.parse(got.text)
        assert.equal(reply.choices[0].message.content, replyText, name)
        assert.equal(reply.usage.total_tokens, counts.input + counts.output, model)
      } else
        assert.deepEqual(readStream(got.text), {
          count: 50,
          last: '[DONE]',
          content: pieces.join(''),
          usage: counts.input + counts.output,
        })
    }
}

interface Chunk {
  readonly choices: readonly { readonly delta?: { readonly content?: string } }[]
  readonly usage?: { readonly total_tokens?: number } | null
}

function readStream(text: string) {
  const data = [...text.matchAll(/^data: (.*)$/gm)].map((match) => match[1] ?? '')
  const chunks = data.slice(0, -1).map((line) => JSON.parse(line) as Chunk)
  return {
    count: data.length,
    last: data.at(-1),
    content: chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join(''),
    usage: chunks.findLast((chunk) => chunk.usage)?.usage?.total_tokens,
  }
}
