import assert from 'node:assert/strict'
import test from 'node:test'
import { Compile } from 'typebox/compile'
import type { JsonObject } from '../json.ts'
import { decodeError, encodeError } from './error.ts'
import { ErrorEnvelopeSchema } from './reply-schema.ts'

// The errors of every provider that is known, as it sends them: what the caller learns of each.

const decode = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  decodeError(
    status,
    headers,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    0,
  )
interface Seen {
  readonly code: string
  readonly status: number
  readonly message?: string | RegExp
  /** What the caller reads in `error.type`, `error.code` and `error.param`. */
  readonly words?: readonly [string, string | null, string | null]
}
const shapes: readonly (readonly [string, number, unknown, Seen])[] = [
  [
    'OpenAI, a prompt that is too long',
    400,
    {
      error: {
        message: 'Too long.',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
    {
      code: 'upstream_rejected',
      status: 400,
      message: 'Too long.',
      words: ['invalid_request_error', 'context_length_exceeded', 'messages'],
    },
  ],
  [
    'OpenAI, a model it does not have',
    404,
    {
      error: {
        message: 'No such model.',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_found',
      },
    },
    {
      code: 'upstream_rejected',
      status: 404,
      words: ['invalid_request_error', 'model_not_found', null],
    },
  ],
  [
    'OpenAI, a bad key of ours',
    401,
    {
      error: {
        message: 'Incorrect API key provided: sk-secret',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      },
    },
    {
      code: 'upstream_auth_failed',
      status: 502,
      message: "the provider refused the gateway's credential (401)",
    },
  ],
  [
    'OpenAI, too fast',
    429,
    { error: { message: 'Slow down', type: 'requests', code: 'rate_limit_exceeded' } },
    {
      code: 'upstream_rate_limited',
      status: 429,
      message: 'Slow down',
      words: ['requests', 'upstream_rate_limited', null],
    },
  ],
  [
    'OpenAI, a fault of theirs',
    500,
    { error: { message: 'Sorry', type: 'server_error', param: null, code: null } },
    {
      code: 'upstream_error',
      status: 500,
      message: 'Sorry',
      words: ['upstream_error', 'upstream_error', null],
    },
  ],
  [
    'Azure, a code that is a number in quotes',
    401,
    { error: { code: '401', message: 'Access denied due to invalid subscription key' } },
    { code: 'upstream_auth_failed', status: 502 },
  ],
  [
    'Azure, a deployment that is not there',
    404,
    { error: { code: 'DeploymentNotFound', message: 'No deployment.' } },
    {
      code: 'upstream_rejected',
      status: 404,
      words: ['invalid_request_error', 'DeploymentNotFound', null],
    },
  ],
  [
    'Azure, a filtered prompt',
    400,
    {
      error: {
        message: 'Filtered',
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      },
    },
    {
      code: 'upstream_rejected',
      status: 400,
      words: ['invalid_request_error', 'content_filter', 'prompt'],
    },
  ],
  [
    'Anthropic, a wrong request',
    400,
    { type: 'error', error: { type: 'invalid_request_error', message: 'max_tokens: required' } },
    {
      code: 'upstream_rejected',
      status: 400,
      message: 'max_tokens: required',
      words: ['invalid_request_error', 'upstream_rejected', null],
    },
  ],
  [
    'Anthropic, overloaded',
    529,
    { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    { code: 'upstream_error', status: 502, message: 'Overloaded' },
  ],
  [
    'Gemini, an error in a list',
    400,
    [{ error: { code: 400, message: 'Bad schema', status: 'INVALID_ARGUMENT' } }],
    {
      code: 'upstream_rejected',
      status: 400,
      message: 'Bad schema',
      words: ['INVALID_ARGUMENT', '400', null],
    },
  ],
  [
    'Gemini, a bad key with a 400',
    400,
    {
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
      },
    },
    { code: 'upstream_auth_failed', status: 502 },
  ],
  [
    'Bedrock, only a sentence',
    400,
    { message: 'The model is not valid.' },
    { code: 'upstream_rejected', status: 400, message: 'The model is not valid.' },
  ],
  [
    'Bedrock, no access',
    403,
    { Message: 'User arn:aws:iam::1 is not authorized' },
    { code: 'upstream_auth_failed', status: 502, message: /credential \(403\)/ },
  ],
  [
    'Bedrock, a model that took too long',
    408,
    { message: 'Too slow' },
    { code: 'upstream_timeout', status: 504 },
  ],
  [
    'Bedrock, a model that failed',
    424,
    { message: 'Model error' },
    { code: 'upstream_error', status: 502 },
  ],
  [
    'Mistral, a sentence as detail',
    404,
    { detail: 'Not Found' },
    { code: 'upstream_rejected', status: 404, message: 'Not Found' },
  ],
  [
    'Mistral, a list of places',
    422,
    {
      detail: [
        { loc: ['body', 'messages', 0, 'role'], msg: 'unknown role' },
        { loc: ['body'], msg: 'too much' },
      ],
    },
    {
      code: 'upstream_rejected',
      status: 422,
      message: 'messages.0.role: unknown role; too much',
    },
  ],
  [
    'Mistral, flat',
    400,
    {
      object: 'error',
      message: 'Expected last role User',
      type: 'invalid_request_message_order',
      param: null,
      code: '3230',
    },
    {
      code: 'upstream_rejected',
      status: 400,
      words: ['invalid_request_message_order', '3230', null],
    },
  ],
  [
    'Mistral, a message that holds the detail',
    422,
    { object: 'error', message: { detail: [{ loc: ['body', 'n'], msg: 'not an int' }] } },
    { code: 'upstream_rejected', status: 422, message: 'n: not an int' },
  ],
  [
    'Groq, a call it could not write',
    400,
    {
      error: { message: 'Failed to call', type: 'invalid_request_error', code: 'tool_use_failed' },
    },
    {
      code: 'upstream_rejected',
      status: 400,
      words: ['invalid_request_error', 'tool_use_failed', null],
    },
  ],
  [
    'Groq, over the token limit',
    413,
    { error: { message: 'Too large', type: 'tokens', code: 'rate_limit_exceeded' } },
    { code: 'upstream_rejected', status: 413, words: ['tokens', 'rate_limit_exceeded', null] },
  ],
  [
    'Cohere, an id and a sentence',
    400,
    { id: 'a1', message: 'invalid role' },
    { code: 'upstream_rejected', status: 400, message: 'invalid role' },
  ],
  [
    'Cohere, a bad token with a status of its own',
    498,
    { message: 'invalid token' },
    { code: 'upstream_auth_failed', status: 502 },
  ],
  ['Cohere, a cancelled request', 499, { message: 'x' }, { code: 'upstream_error', status: 502 }],
  [
    'Ollama, a model that is not pulled',
    404,
    { error: { message: 'model "x" not found', type: 'not_found_error', param: null, code: null } },
    {
      code: 'upstream_rejected',
      status: 404,
      words: ['not_found_error', 'upstream_rejected', null],
    },
  ],
  [
    'Ollama, the older form',
    400,
    { error: 'model is required' },
    { code: 'upstream_rejected', status: 400, message: 'model is required' },
  ],
  [
    'DeepSeek, no balance',
    402,
    { error: { message: 'Insufficient Balance', type: 'unknown_error' } },
    { code: 'upstream_auth_failed', status: 502, message: /credential \(402\)/ },
  ],
  [
    'xAI, an error that is a string',
    400,
    { code: 'invalid-argument', error: 'Bad temperature' },
    {
      code: 'upstream_rejected',
      status: 400,
      message: 'Bad temperature',
      words: ['invalid_request_error', 'invalid-argument', null],
    },
  ],
  [
    'xAI, a bad key with a 400',
    400,
    { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***yz.' },
    { code: 'upstream_auth_failed', status: 502 },
  ],
  [
    'OpenRouter, the real cause inside',
    429,
    {
      error: {
        message: 'Provider returned error',
        code: 429,
        metadata: { raw: 'model is busy', provider_name: 'X' },
      },
      user_id: 'u',
    },
    {
      code: 'upstream_rate_limited',
      status: 429,
      message: 'Provider returned error: model is busy',
    },
  ],
  [
    'Perplexity, a number as code',
    422,
    { error: { message: 'no', type: 'bad', code: 422 } },
    { code: 'upstream_rejected', status: 422, words: ['bad', '422', null] },
  ],
  [
    'a page of HTML',
    503,
    '<html><body>nginx</body></html>',
    { code: 'upstream_error', status: 503, message: 'the provider answered 503' },
  ],
  [
    'nothing at all',
    400,
    '',
    { code: 'upstream_rejected', status: 400, message: 'the provider answered 400' },
  ],
  ['an unusual failure', 520, 'x', { code: 'upstream_error', status: 502 }],
  ['a redirect', 302, '', { code: 'upstream_redirect', status: 502 }],
  ['success without an answer', 204, '', { code: 'upstream_invalid_response', status: 502 }],
]

for (const [name, status, body, seen] of shapes)
  test(`an error is read right: ${name}`, () => {
    const error = decode(status, body)
    assert.equal(error.code, seen.code)
    assert.equal(error.status, seen.status)
    assert.equal(error.facts.upstreamStatus, status)
    if (typeof seen.message === 'string') assert.equal(error.message, seen.message)
    else if (seen.message) assert.match(error.message, seen.message)
    const envelope = JSON.parse(Buffer.from(encodeError(error)).toString('utf8')) as JsonObject
    assert.ok(Compile(ErrorEnvelopeSchema).Check(envelope), JSON.stringify(envelope))
    assert.equal(envelope['is_bifrost_error'], false)
    assert.equal(envelope['status_code'], seen.status)
    const { type, code, param } = envelope['error'] as JsonObject
    if (seen.words) assert.deepEqual([type, code, param], seen.words)
  })
