import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type RawClient, rawConnect, sseData } from '../../support/raw-client.ts'
import type { SeenRequest } from '../../support/upstream-request.ts'
import { event, lastChunk, repeat, stall, streamHead } from '../../support/upstream-script.ts'
import { chatBytes, eventually, startRig } from './client-rig.ts'

const rig = await startRig()
after(() => rig.end())

const MiB = 1024 * 1024
const largeCount = 2_400
const filler = 'f'.repeat(16 * 1024)

const numbered = (index: number, finish: string | null = null): object => ({
  id: 'chatcmpl-slow',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'slow',
  choices: [{ index: 0, delta: { content: `${index} ${filler}` }, finish_reason: finish }],
})
const manyEvents = (count: number) => [
  streamHead(),
  repeat(count, (index) => event(numbered(index))),
  event(numbered(count, 'stop')),
  event('[DONE]'),
  lastChunk(),
]
rig.upstream
  .on('large', manyEvents(largeCount))
  .on('medium', manyEvents(400))
  .on('stalling', [streamHead(), repeat(1_000, event(numbered(0))), stall()])

async function begin(
  model: string,
  reads = true,
): Promise<{ client: RawClient; seen: SeenRequest }> {
  const client = await rawConnect(rig.port)
  if (!reads) client.pause()
  await client.write(chatBytes({ model: `openai/${model}`, stream: true }))
  const seen = await rig.upstream.next((request) => request.model === model)
  return { client, seen }
}

/** Nothing more leaves the upstream: every buffer on the way to the client is full. */
async function untilParked(all: readonly SeenRequest[]): Promise<void> {
  let before = -1
  let same = 0
  await eventually('the streams are parked', () => {
    const sent = all.reduce((sum, { bytesSent }) => sum + bytesSent, 0)
    same = sent === before ? same + 1 : 0
    before = sent
    return same >= 20
  })
}

function assertWhole(text: string, count: number): void {
  const data = sseData(text)
  assert.equal(data.pop(), '[DONE]')
  assert.equal(data.length, count + 1)
  for (const [index, line] of data.entries()) {
    const { choices } = JSON.parse(line) as { choices: { delta: { content: string } }[] }
    assert.equal(choices[0]?.delta.content.split(' ', 1)[0], String(index))
  }
}

test('S01 a reader that stops makes the upstream wait, costs little, and misses nothing when it reads on', async (t) => {
  const beforeKb = rig.gateway.rssKb()
  const { client, seen } = await begin('large')
  await eventually('the stream has begun', () => client.receivedBytes > 0)
  client.pause()
  await untilParked([seen])
  const grownKb = rig.gateway.rssKb() - beforeKb
  t.diagnostic(`parked after ${seen.bytesSent} bytes of the upstream's, ${grownKb} KiB more memory`)
  assert.ok(seen.bytesSent < 24 * MiB, 'the upstream was made to wait')
  assert.ok(grownKb < 48 * 1024)
  client.resume()
  const { text, complete } = await client.response(30_000)
  assert.equal(complete, true)
  assertWhole(text, largeCount)
  client.destroy()
})

test('S01 S02 a reader that reads a little at a time gets every event in order', async () => {
  for (const pausesMs of [0, 1, 3]) {
    const { client } = await begin('medium')
    const whole = client.response(30_000)
    let over = false
    const hesitate = (async () => {
      while (!over) {
        client.pause()
        await new Promise((resolve) => setTimeout(resolve, pausesMs))
        client.resume()
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const { status, complete, text } = await whole
    over = true
    await hesitate
    assert.equal(status, 200)
    assert.equal(complete, true)
    assertWhole(text, 400)
    client.destroy()
  }
})

/** What the process holds or has not collected yet. Not its resident set: that is the allocator's, and shrinks when it likes. */
async function heldBytes(): Promise<number> {
  const names = ['nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes']
  const values = await Promise.all(names.map((name) => rig.metric(name)))
  return values.reduce((sum, bytes) => sum + bytes, 0)
}

test('S04 a crowd of readers that stopped costs each a little, and others are served', async (t) => {
  // So many that what the process itself needs meanwhile counts for little.
  const readers = 120
  const before = await heldBytes()
  // They never read a byte: what a busy machine lets through before they stop would be counted as held.
  const all = await Promise.all(Array.from({ length: readers }, () => begin('stalling', false)))
  try {
    await untilParked(all.map(({ seen }) => seen))
    const eachKb = async () => Math.round(((await heldBytes()) - before) / readers / 1024)
    t.diagnostic(`${readers} readers that stopped: ${await eachKb()} KiB each at first`)
    // What went through before they stopped is garbage by now, and collected when others have made enough of it.
    await eventually('each costs less than a megabyte', async () => {
      for (let call = 0; call < 20; call++)
        assert.equal((await rig.ask({ model: 'openai/beside' })).status, 200)
      return (await eachKb()) < 1024
    })
    assert.equal(await rig.metric('sluice_open_streams'), readers)
  } finally {
    for (const { client } of all) client.rst()
  }
  await Promise.all(all.map(({ seen }) => seen.closed))
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
