import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvText } from './csv.ts'

test('what a spreadsheet would run as a formula is text, and what is text stays', () => {
  for (const evil of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '=cmd|" /C calc"!A0'])
    assert.match(csvText([[evil]]), /^"'/, evil)
  assert.equal(csvText([['plain', 'a-b', 7, 'ü']]), 'plain,a-b,7,ü\r\n')
})

test('commas, quotes and line ends stay within their cell', () => {
  assert.equal(csvText([['a,b', 'say "hi"', 'two\nlines']]), '"a,b","say ""hi""","two\nlines"\r\n')
})
