import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Body,
  call,
  calls,
  closed,
  encode,
  refusedParam,
  result,
  say,
  tool,
  user,
} from '../../../tests/dialects/anthropic-messages-rig.ts'
import type { ChatRequest } from '../../core/chat.ts'

test('newer models think by effort, and are told to show their thoughts', () => {
  const body = say({ reasoningEffort: 'xhigh' }, { model: 'claude-sonnet-5' })
  assert.deepEqual(body['thinking'], { type: 'adaptive', display: 'summarized' })
  assert.deepEqual(body['output_config'], { effort: 'xhigh' })
  const older = say({ reasoningEffort: 'xhigh' }, { model: 'claude-opus-4-6' })
  assert.deepEqual(older['output_config'], { effort: 'high' })
  const least = say({ reasoningEffort: 'minimal' }, { model: 'claude-opus-5-5' })
  assert.deepEqual(least['output_config'], { effort: 'low' })
})

test('a budget for thoughts leaves room for the answer, and is refused where there is none', () => {
  const budget = (tokens: number): unknown =>
    say({
      reasoningEffort: 'medium',
      maxTokens: { tokens, spelling: 'max_tokens' },
    })['thinking']
  assert.deepEqual(budget(1100), { type: 'enabled', budget_tokens: 1024 })
  assert.deepEqual(budget(4000), { type: 'enabled', budget_tokens: 2000 })
  assert.deepEqual(budget(50_000), { type: 'enabled', budget_tokens: 10_240 })
  const tight: Partial<ChatRequest> = {
    reasoningEffort: 'medium',
    maxTokens: { tokens: 1024, spelling: 'max_tokens' },
  }
  assert.equal(refusedParam(tight), 'reasoning_effort')
  assert.deepEqual(encode(tight, { drop: true }).dropped, ['reasoning_effort'])
})

test('not thinking is said only where a model would think unasked, and refused where it always does', () => {
  const none: Partial<ChatRequest> = { reasoningEffort: 'none' }
  assert.equal(say(none)['thinking'], undefined)
  assert.deepEqual(say(none, { model: 'claude-opus-5' })['thinking'], { type: 'disabled' })
  assert.equal(refusedParam(none, { model: 'claude-opus-5-5' }), 'reasoning_effort')
  assert.equal(
    refusedParam({ reasoningEffort: 'low' }, { model: 'claude-3-5-haiku-latest' }),
    'reasoning_effort',
  )
  assert.equal(refusedParam({ reasoningEffort: 'a lot' }), 'reasoning_effort')
})

test('what excludes thinking is refused beside it', () => {
  const thinks: Partial<ChatRequest> = { reasoningEffort: 'low' }
  assert.equal(refusedParam({ ...thinks, temperature: 0.5 }), 'temperature')
  assert.equal(refusedParam({ ...thinks, topP: 0.5 }), 'top_p')
  assert.equal(refusedParam({ ...thinks, extra: { top_k: 5 } }), 'top_k')
  assert.equal(say({ ...thinks, temperature: 1 })['temperature'], 1)
  assert.equal(say({ ...thinks, topP: 0.97 })['top_p'], 0.97)
  const forced: Partial<ChatRequest> = {
    ...thinks,
    tools: [tool('look', closed)],
    toolChoice: { mode: 'required' },
  }
  assert.equal(refusedParam(forced), 'reasoning_effort')
  const { body, dropped } = encode(forced, { drop: true })
  assert.deepEqual(dropped, ['reasoning_effort'])
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.deepEqual([said['thinking'], said['tool_choice']], [undefined, { type: 'any' }])
})

test('sampling is refused where the model does not take it', () => {
  const newest = { model: 'claude-opus-5' }
  assert.equal(refusedParam({ temperature: 0 }, newest), 'temperature')
  assert.equal(refusedParam({ topP: 0.5 }, newest), 'top_p')
  assert.equal(refusedParam({ extra: { top_k: 3 } }, newest), 'top_k')
  assert.equal(say({ temperature: 1 }, newest)['temperature'], 1)
  assert.equal(refusedParam({ temperature: 1.5 }), 'temperature')
  assert.equal(refusedParam({ temperature: 0.5, topP: 0.5 }), 'top_p')
  const old = say({ temperature: 0.5, topP: 0.5 }, { model: 'claude-3-5-sonnet-latest' })
  assert.deepEqual([old['temperature'], old['top_p']], [0.5, 0.5])
})

test("the caller's own words for thinking pass, and go before OpenAI's", () => {
  const thinking = { type: 'enabled', budget_tokens: 70_000 }
  const request: Partial<ChatRequest> = {
    reasoningEffort: 'low',
    extra: { thinking, output_config: { effort: 'low' }, cache_control: { type: 'ephemeral' } },
  }
  const { body, dropped } = encode(request)
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.deepEqual(said['thinking'], thinking)
  assert.equal(said['max_tokens'], 74_096)
  assert.deepEqual(said['output_config'], { effort: 'low' })
  assert.deepEqual(said['cache_control'], { type: 'ephemeral' })
  assert.deepEqual(dropped, ['reasoning_effort'])
})

test('with a budget, calls under way without their thoughts are gone on with without thinking', () => {
  const messages = [user('Hi'), calls(call('a', '{}')), result('a', '1')]
  const request: Partial<ChatRequest> = { messages, reasoningEffort: 'low' }
  assert.deepEqual(encode(request).dropped, ['reasoning_effort'])
  assert.equal(say(request)['thinking'], undefined)
  assert.ok(say(request, { model: 'claude-opus-5' })['thinking'])
})
