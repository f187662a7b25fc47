import assert from 'node:assert/strict'
import test from 'node:test'
import { prettyLine } from './pretty-line.ts'

const line = (fields: object, color = false): string =>
  prettyLine(JSON.stringify({ level: 'info', time: '2026-01-01T12:34:56.789Z', ...fields }), color)

test('time, level, message, then the rest as name=value', () => {
  assert.equal(
    line({ a: 1, b: 'word', c: 'two words', d: { e: [1] }, f: null, g: '', msg: 'said' }),
    '12:34:56.789 INFO  said  a=1 b=word c="two words" d={"e":[1]} f=null g=\n',
  )
  assert.equal(line({ msg: 'alone' }), '12:34:56.789 INFO  alone\n')
  assert.equal(line({}), '12:34:56.789 INFO  \n')
})

test('a value that could be misread is quoted', () => {
  for (const value of ['a=b', 'a"b', 'a b', 'a\nb'])
    assert.ok(line({ x: value, msg: 'm' }).endsWith(`x=${JSON.stringify(value)}\n`))
})

test('only warnings and worse, and what is fainter, have a colour', () => {
  assert.equal(line({ msg: 'm' }, true), line({ msg: 'm' }))
  const head = '12:34:56.789'
  assert.equal(line({ level: 'warn', msg: 'm' }, true), `${head} \u001b[33mWARN \u001b[0m m\n`)
  assert.equal(line({ level: 'error', msg: 'm' }, true), `${head} \u001b[31mERROR\u001b[0m m\n`)
  assert.equal(line({ level: 'error', msg: 'm' }), `${head} ERROR m\n`)
})

test('control characters of a caller never reach the terminal, nor begin a line of their own', () => {
  const hostile = '\u001b[2J\u009b31m\u007f\rFAKE'
  for (const fields of [
    { model: hostile },
    { [hostile]: 1 },
    { msg: `${hostile}\nINFO fake` },
    { model: `${hostile} x` },
  ]) {
    const text = line({ msg: 'm', ...fields })
    assert.match(text, /^[^\p{Cc}]+\n$/u)
    assert.match(text, /\\u001b\[2J/)
  }
})

test('what is no JSON is passed on as it is', () => {
  assert.equal(prettyLine('plain text\n', false), 'plain text\n')
})
