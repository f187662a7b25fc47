import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postBytes, rawConnect } from '../../support/raw-client.ts'
import * as script from '../../support/upstream-script.ts'
import { finish, role, text } from './chunks.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig.close())

const ending = [script.event(finish()), script.event('[DONE]'), script.lastChunk()]

/** Reads a stream to its end and throws it away: how many events came, and the longest wait between two pieces. */
async function drain(model: string, onPiece: () => void = () => undefined) {
  using client = await rawConnect(rig.gateway.port)
  const body = { model, stream: true, messages: [{ role: 'user', content: 'hi' }] }
  await client.write(postBytes('/v1/chat/completions', {}, body))
  let events = 0
  let gapMs = 0
  let lastAt = performance.now()
  let tail = ''
  while (!tail.includes('[DONE]')) {
    const piece = tail + (await client.readUntil((bytes) => bytes.length > 0)).toString('latin1')
    const whole = piece.lastIndexOf('\n\n') + 2
    events += piece.slice(0, whole).split('data: ').length - 1
    // What is cut off is counted with what follows it; the end must stay to be seen.
    tail = piece.includes('data: [DONE]') ? '[DONE]' : piece.slice(whole)
    gapMs = Math.max(gapMs, performance.now() - lastAt)
    lastAt = performance.now()
    onPiece()
  }
  return { events, gapMs }
}

test('S17 a stream of two hundred thousand events takes no more memory than a short one', async (t) => {
  const events = 200_000
  const many = Buffer.concat(Array.from({ length: 100 }, () => bytesOf(script.event(text('x')))))
  rig.upstream.on('endless', [
    script.streamHead(),
    script.event(role),
    script.repeat(events / 100, script.raw(many)),
    ...ending,
  ])
  let most = 0
  let pieces = 0
  const before = rig.gateway.rssKb()
  const { events: seen } = await drain('up/endless', () => {
    if (pieces++ % 50 === 0) most = Math.max(most, rig.gateway.rssKb())
  })
  assert.equal(seen, events + 3)
  t.diagnostic(`${Math.round((most - before) / 1024)} MiB more at the most`)
  assert.ok(most - before < 80 * 1024, `${most - before} KiB more`)
})

function bytesOf(step: script.Step): Buffer {
  assert.equal(step.kind, 'write')
  return Buffer.from(step.kind === 'write' ? step.bytes : '')
}

test('S18 of three hundred streams at once none waits for the others', async (t) => {
  const everyMs = 50
  rig.upstream.on('one-of-many', [
    script.streamHead(),
    script.event(role),
    script.repeat(20, script.event(text('x')), { everyMs }),
    ...ending,
  ])
  const all = await Promise.all(Array.from({ length: 300 }, () => drain('up/one-of-many')))
  for (const { events } of all) assert.equal(events, 23)
  const gaps = all.map(({ gapMs }) => gapMs).sort((a, b) => a - b)
  t.diagnostic(
    `longest wait: ${Math.round(gaps[150] ?? 0)} ms (p50), ${Math.round(gaps.at(-1) ?? 0)} ms`,
  )
  // The upstream and the clients share this process, so that the bound is far above what the gateway adds.
  assert.ok((gaps.at(-1) ?? 0) < everyMs + 2000)
})
