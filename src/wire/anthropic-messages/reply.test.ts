import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import { decodeReply } from './reply.ts'

const context = { model: 'asked', createdAt: 1, newId: () => 'made', answerTool: null }
const decode = (wire: object, answerTool: string | null = null) =>
  decodeReply(Buffer.from(JSON.stringify(wire)), { ...context, answerTool })
const tool = (input: unknown) => ({ type: 'tool_use', id: 't', name: 'look', input })

test('thoughts keep the place they had among what the caller sees', () => {
  const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'S' }
  const server = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
  const { choices } = decode({ content: [thinking, server, tool({}), thinking] })
  const details = choices[0]?.extra['reasoning_details'] as readonly { readonly index: number }[]
  assert.deepEqual(
    details.map(({ index }) => index),
    [0, 2],
  )
})

test('thoughts without a signature cannot come back, and are only shown', () => {
  const { choices } = decode({ content: [{ type: 'thinking', thinking: 'Hm.', signature: '' }] })
  assert.equal(choices[0]?.reasoning, 'Hm.')
  assert.deepEqual(choices[0]?.extra, {})
})

test('arguments are always JSON', () => {
  for (const input of [undefined, null, {}, ''])
    assert.equal(decode({ content: [tool(input)] }).choices[0]?.toolCalls?.[0]?.arguments, '{}')
})

test('no counts are invented', () => {
  assert.equal(decode({ content: [] }).usage, undefined)
  assert.equal(decode({ content: [], usage: {} }).usage, undefined)
})

test('what servers send that only imitate the format is read all the same', () => {
  assert.equal(decode({ content: 'Hi', stop_reason: 'end_turn' }).choices[0]?.content, 'Hi')
  const nothing = decode({ content: null, stop_reason: 'max_tokens' }).choices[0]
  assert.deepEqual([nothing?.content, nothing?.finishReason], ['', 'length'])
})

test('an error in the place of a message is told in its own words, whatever stands around it', () => {
  const error = { type: 'rate_limit_error', message: 'Slow down' }
  for (const body of [{ type: 'error', error }, { error }])
    assert.throws(
      () => decode(body),
      (thrown) =>
        thrown instanceof GatewayError &&
        thrown.code === 'upstream_rate_limited' &&
        thrown.message === 'Slow down',
    )
})

test('where a tool is the answer, only its first call is, and what is said beside it is a thought', () => {
  const call = (a: number) => ({ type: 'tool_use', id: `t${a}`, name: 'answer', input: { a } })
  const content = [{ type: 'text', text: 'Here:' }, call(1), call(2)]
  const [choice] = decode({ content, stop_reason: 'tool_use' }, 'answer').choices
  assert.deepEqual(
    [choice?.content, choice?.reasoning, choice?.toolCalls, choice?.finishReason],
    ['{"a":1}', 'Here:', undefined, 'stop'],
  )
})

test('what is no message is told as such', () => {
  for (const body of ['', '[]', '<html>', '{"content":5}'])
    assert.throws(
      () => decodeReply(Buffer.from(body), context),
      (thrown) => thrown instanceof GatewayError && thrown.code === 'upstream_invalid_response',
    )
})
