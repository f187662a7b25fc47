import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import { decodeReply } from './reply.ts'

const context = { model: 'asked', createdAt: 1, newId: () => 'made', answerTool: null }
const decode = (wire: object) => decodeReply(Buffer.from(JSON.stringify(wire)), context)
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

test('what is no message is told as such', () => {
  for (const body of ['', '[]', '<html>', '{"content":"text"}'])
    assert.throws(
      () => decodeReply(Buffer.from(body), context),
      (thrown) => thrown instanceof GatewayError && thrown.code === 'upstream_invalid_response',
    )
})
