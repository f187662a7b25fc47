import assert from 'node:assert/strict'
import { after as atTheEnd, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { completion, contentOf, finish, role, text } from './chunks.ts'
import { assertErrorFrame, assertWholeStream } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({
    server: { stream: { hold: '100ms', keep_alive: '50ms' } },
    providers: { 'first-token': { timeouts: { first_token: '400ms' } } },
  })
})
atTheEnd(() => rig.close())

const commentsAtMost = (text: string): number =>
  text.split('\n').filter((line) => line === ':').length

describe('streams whose hold passes', { concurrency: true }, () => {
  test('the status goes out without an event, then comments, then the stream as it comes', async () => {
    const gate = Promise.withResolvers<void>()
    rig.upstream.on('late', [
      script.streamHead(),
      script.frame(': from the provider\n\n'),
      script.event({ choices: [] }),
      script.until(gate.promise),
      [role, text('a'), finish(), '[DONE]'].map((each) => script.event(each)),
      script.lastChunk(),
    ])
    using client = await rig.open('up/late', { stream: true })
    const early = String(await client.readUntil(':\n\r\n'))
    assert.match(early, /^HTTP\/1\.1 200 /)
    assert.match(early, /content-type: text\/event-stream/i)
    assert.ok(!early.includes('from the provider') && !early.includes('choices'))
    assert.doesNotMatch(early, /:\n\n/, 'a comment brings no blank line')
    gate.resolve()
    const rest = String(await client.readUntil('[DONE]'))
    assert.match(rest, /: from the provider[\s\S]*"choices":\[\][\s\S]*"role"/)
  })

  test('a failure before the first event is an error frame, of whatever kind it is', async () => {
    const gate = Promise.withResolvers<void>()
    const gated = (...steps: script.Steps[]): script.Steps => [script.until(gate.promise), ...steps]
    const failures = {
      'held-429': [gated(script.json(429, openaiError('slow down'))), 'upstream_rate_limited'],
      'held-400': [
        gated(script.json(400, openaiError('too long', { code: 'too_long' }))),
        'too_long',
      ],
      'held-401': [gated(script.json(401, openaiError('no'))), 'upstream_auth_failed'],
      'held-rst': [gated(script.rst()), 'upstream_unreachable'],
      'held-html': [gated(script.reply(200, '<html>')), 'upstream_invalid_response'],
      'held-cut': [gated(script.streamHead(), script.rst()), 'upstream_stream_truncated'],
      'held-error': [
        gated(script.sse([openaiError('x', { type: 'server_error' })])),
        'upstream_error',
      ],
    } as const
    const clients = Object.entries(failures).map(async ([model, [steps, code]]) => {
      rig.upstream.on(model, steps as script.Steps)
      const client = await rig.open(`up/${model}`, { stream: true })
      assert.match(String(await client.readUntil(':\n\r\n')), /^HTTP\/1\.1 200 /)
      return { client, code }
    })
    const held = await Promise.all(clients)
    gate.resolve()
    for (const { client, code } of held) {
      const frame = String(await client.readUntil('\r\n0\r\n'))
      assert.ok(frame.includes(`data: {"error":{`) && frame.includes(`"code":"${code}"`), frame)
      assert.ok(!frame.includes('[DONE]'))
      client.destroy()
    }
  })

  test('a time limit before the first event is an error frame', async () => {
    rig.upstream.on('never', script.stall())
    const response = await rig.stream('first-token/never')
    assert.deepEqual(
      assertErrorFrame(response, { code: 'upstream_timeout', message: /400 ms/ }),
      [],
    )
    assert.ok(commentsAtMost(response.text) >= 1, response.text)
  })

  test('a reply that comes as one object late is still a stream', async () => {
    rig.upstream.on('object', [script.wait(150), script.json(200, completion('late'))])
    assert.equal(contentOf(assertWholeStream(await rig.stream('up/object'))), 'late')
  })

  test('S09 S10: comments come in silence only, and never inside an event', async () => {
    const gate = Promise.withResolvers<void>()
    const [head, tail] = [
      `data: ${JSON.stringify(text('whole'))}`.slice(0, 40),
      JSON.stringify(text('whole')).slice(34),
    ]
    rig.upstream.on('s10', [
      script.streamHead(),
      script.event(role),
      script.frame(head),
      script.until(gate.promise),
      script.frame(`${tail}\n\n`),
      script.event(finish()),
      script.event('[DONE]'),
      script.lastChunk(),
    ])
    using client = await rig.open('up/s10', { stream: true })
    await client.readUntil('"role"')
    assert.ok(!String(await client.readUntil(':\n\r\n')).includes('data:'))
    gate.resolve()
    const rest = String(await client.readUntil('[DONE]'))
    assert.ok(rest.includes(`data: ${JSON.stringify(text('whole'))}\n\n`), rest)
  })

  test('a client that leaves during the hold closes the upstream', async () => {
    rig.upstream.on('left', script.stall())
    using client = await rig.open('up/left', { stream: true })
    await client.readUntil(':\n\r\n')
    client.rst()
    const request = await rig.upstream.next(({ model }) => model === 'left')
    assert.notEqual((await request.closed).how, 'stopped')
  })
})
